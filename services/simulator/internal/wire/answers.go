package wire

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// keptAnswers bounds the books over REST that are remembered to be told again; others are not.
	keptAnswers = 64
	// maxAnswer bounds their size.
	maxAnswer = 4 << 20
	// keepAnswer is how long one is remembered before a newer one takes its place.
	keepAnswer = time.Minute
)

// keptAnswer is a book over REST as it was told once.
type keptAnswer struct {
	at     time.Time
	header http.Header
	body   []byte
}

// REST lets the next answers of an exchange go wrong where that has been requested; all others pass untouched.
func (d *Door) REST(exchange string, next http.Handler) http.Handler {
	f := d.faults
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			next.ServeHTTP(w, r)
			return
		}
		for _, t := range f.struck(isBook(r)) {
			switch t.do {
			case "slow":
				timer := time.NewTimer(t.slow)
				select {
				case <-r.Context().Done():
				case <-timer.C:
				}
				timer.Stop()
			case "status":
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(t.status)
				w.Write(says(exchange, t.status)) //nolint:errcheck // the client has left
				return
			case "old":
				if kept, ok := f.kept(r.URL.RequestURI()); ok {
					maps.Copy(w.Header(), kept.header)
					w.Write(kept.body) //nolint:errcheck // the client has left
					return
				}
			}
		}
		if !isBook(r) {
			next.ServeHTTP(w, r)
			return
		}
		told := &listener{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(told, r)
		if told.status == http.StatusOK && told.body.Len() <= maxAnswer {
			f.keep(r.URL.RequestURI(), keptAnswer{time.Now(), w.Header().Clone(), told.body.Bytes()})
		}
	})
}

// isBook says whether a request is for a book.
func isBook(r *http.Request) bool {
	path := strings.ToLower(r.URL.Path)
	return r.Method == http.MethodGet && (strings.Contains(path, "depth") || strings.Contains(path, "orderbook") ||
		strings.Contains(path, "order_book") || strings.HasSuffix(path, "/book") || strings.HasSuffix(path, "/books") ||
		strings.Contains(path, "/book/"))
}

// struck are the troubles that befall a request: all slowness, and the first of the others. Old answers are there for books only.
func (f *Faults) struck(book bool) []trouble {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []trouble
	seen := map[string]bool{}
	rest := f.troubles[:0]
	for _, t := range f.troubles {
		if !seen[t.do] && (t.do != "old" || book) {
			seen[t.do] = true
			out = append(out, t)
			t.left--
		}
		if t.left > 0 {
			rest = append(rest, t)
		}
	}
	f.troubles = rest
	return out
}

func (f *Faults) kept(address string) (keptAnswer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.answers[address]
	return a, ok
}

func (f *Faults) keep(address string, a keptAnswer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.answers[address]
	if ok && a.at.Sub(old.at) < keepAnswer || !ok && len(f.answers) >= keptAnswers {
		return
	}
	f.answers[address] = a
}

// listener hears what is answered.
type listener struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (l *listener) WriteHeader(status int) {
	l.status = status
	l.ResponseWriter.WriteHeader(status)
}

func (l *listener) Write(data []byte) (int, error) {
	if l.body.Len() <= maxAnswer {
		l.body.Write(data)
	}
	return l.ResponseWriter.Write(data)
}

// says is what an exchange answers with a status: of asking too often, or of an outage.
func says(exchange string, status int) []byte {
	tooMany := status == http.StatusTooManyRequests || status == http.StatusTeapot
	words := outage[exchange]
	if tooMany {
		words = rateLimit[exchange]
	}
	if words == "" {
		words = `{"message":` + strconv.Quote(http.StatusText(status)) + `}`
	}
	return []byte(words)
}

var rateLimit = map[string]string{
	"binance":    `{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}`,
	"binance_us": `{"code":-1003,"msg":"Too much request weight used; current limit is 1200 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}`,
	"binance_tr": `{"code":-1003,"msg":"Too much request weight used; current limit is 1200 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}`,
	"bitstamp":   `{"status":"error","reason":"Request rate limit exceeded.","code":"400.002"}`,
	"bybit":      `{"retCode":10006,"retMsg":"Too many visits!","result":{},"retExtInfo":{},"time":0}`,
	"coinbase":   `{"message":"Public rate limit exceeded"}`,
	"gateio":     `{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded"}`,
	"gemini":     `{"result":"error","reason":"RateLimited","message":"Requests were made too frequently"}`,
	"kraken":     `{"error":["EGeneral:Too many requests"]}`,
	"kucoin":     `{"code":"429000","msg":"Too many requests in a short period of time, please retry later"}`,
	"okx":        `{"msg":"Too Many Requests","code":"50011","data":[]}`,
}

var outage = map[string]string{
	"binance":    `{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}`,
	"binance_us": `{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}`,
	"binance_tr": `{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}`,
	"bitstamp":   `{"status":"error","reason":"Service temporarily unavailable.","code":"503.001"}`,
	"bybit":      `{"retCode":10016,"retMsg":"Internal server error","result":{},"retExtInfo":{},"time":0}`,
	"coinbase":   `{"message":"ServiceUnavailable"}`,
	"gateio":     `{"label":"SERVER_ERROR","message":"Internal server error"}`,
	"gemini":     `{"result":"error","reason":"System","message":"We are experiencing technical issues"}`,
	"kraken":     `{"error":["EService:Unavailable"]}`,
	"kucoin":     `{"code":"500000","msg":"Internal Server Error"}`,
	"okx":        `{"code":"50001","msg":"Service temporarily unavailable. Please try again later","data":[]}`,
}
