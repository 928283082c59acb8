package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
)

// maxMood bounds how long a mood is asked for.
const maxMood = 24 * time.Hour

// adminRoutes are what the admin listener answers: design.md describes them. A page in somebody's browser is refused, for it
// could reach a loopback address that its author cannot.
func (s *Simulator) adminRoutes(doors map[string]*wire.Door) http.Handler {
	mux := http.NewServeMux()
	names := make([]string, 0, len(doors))
	for name, door := range doors {
		mux.Handle("POST /faults/"+name, door.Faults())
		names = append(names, name)
	}
	slices.Sort(names)
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		for _, name := range names {
			if err := doors[name].Faults().Ask(r.URL.Query()); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /mood", s.setMood)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		told := map[string]any{"exchanges": names, "faults": wire.FaultNames(), "moods": market.Moods}
		if s.floor != nil {
			told["mood"] = s.floor.Mood()
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(told) //nolint:errcheck,errchkjson // plain values; the client may have left
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			http.Error(w, "not for browsers", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// setMood changes the synthetic market's mood.
func (s *Simulator) setMood(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	mood := market.Mood(q.Get("be"))
	if mood == "usual" {
		mood = market.Usual
	}
	var d time.Duration
	if text := q.Get("seconds"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > 0 && n <= maxMood.Seconds()) { // not a number is neither
			http.Error(w, "seconds is not a number up to "+maxMood.String(), http.StatusBadRequest)
			return
		}
		d = time.Duration(n * float64(time.Second))
	}
	switch {
	case s.floor == nil:
		http.Error(w, "a recording has no moods", http.StatusConflict)
	case mood != market.Usual && !slices.Contains(market.Moods, mood):
		http.Error(w, "be is none of usual, calm, volatile, thin, trending, crash", http.StatusBadRequest)
	default:
		s.floor.Feel(mood, d)
		w.WriteHeader(http.StatusNoContent)
	}
}
