package bus

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Interval is the length of a candle.
type Interval struct{ d time.Duration }

// Intervals are those in which candles are built from trades and published.
var Intervals = []Interval{
	{time.Second}, {10 * time.Second}, {time.Minute}, {5 * time.Minute}, {15 * time.Minute},
	{time.Hour}, {4 * time.Hour}, {24 * time.Hour},
}

var (
	intervalText = regexp.MustCompile(`^[1-9][0-9]{0,4}[smhd]$`)
	units        = []struct {
		letter byte
		length time.Duration
	}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}
)

// ErrInterval says that a text is not an interval such as 1s, 5m, 4h or 1d.
var ErrInterval = errors.New("not an interval such as 1s, 5m, 4h or 1d")

// ParseInterval reads an interval: a number from 1 and one of s, m, h, d.
func ParseInterval(s string) (Interval, error) {
	if !intervalText.MatchString(s) {
		return Interval{}, fmt.Errorf("interval %.20q: %w", s, ErrInterval)
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil {
		return Interval{}, fmt.Errorf("interval %.20q: %w", s, ErrInterval)
	}
	for _, u := range units {
		if s[len(s)-1] == u.letter {
			return Interval{time.Duration(n) * u.length}, nil
		}
	}
	return Interval{}, ErrInterval
}

// NewInterval returns the interval of length d, which must be whole seconds from 1 s.
func NewInterval(d time.Duration) (Interval, error) {
	if d < time.Second || d%time.Second != 0 {
		return Interval{}, ErrInterval
	}
	return Interval{d}, nil
}

// Duration returns the length of the interval.
func (i Interval) Duration() time.Duration { return i.d }

// String returns the interval in its largest whole unit: 1h, not 60m.
func (i Interval) String() string {
	for _, u := range units {
		if i.d%u.length == 0 {
			return strconv.FormatInt(int64(i.d/u.length), 10) + string(u.letter)
		}
	}
	return i.d.String()
}

// MarshalText implements encoding.TextMarshaler. It fails for the zero Interval, which is none.
func (i Interval) MarshalText() ([]byte, error) {
	if i.d < time.Second {
		return nil, ErrInterval
	}
	return []byte(i.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Interval) UnmarshalText(b []byte) (err error) {
	*i, err = ParseInterval(string(b))
	return err
}

// Kline is the payload of md.kline: a candle of one instrument.
type Kline struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Interval Interval        `json:"interval"`
	market.Candle
}

// Status is the payload of md.status: how the connection to an exchange is doing.
type Status struct {
	Exchange      market.Exchange `json:"exchange"`
	State         market.State    `json:"state"` // live: connected; stale: silent; down: not connected
	Reason        string          `json:"reason,omitempty"`
	At            time.Time       `json:"at"`
	LastMessageAt time.Time       `json:"last_message_at,omitzero"`
	LagMS         int64           `json:"lag_ms"` // our clock minus the exchange's, at the newest message that tells its time
	Symbols       int             `json:"symbols"`
	SymbolsLive   int             `json:"symbols_live"`
	Messages      uint64          `json:"messages"` // counters since the collector started
	Gaps          uint64          `json:"gaps"`
	BadChecksums  uint64          `json:"bad_checksums"`
	Resyncs       uint64          `json:"resyncs"`
	BadFrames     uint64          `json:"bad_frames"`
	Reconnects    uint64          `json:"reconnects"`
}

// PairsRequest asks a collector for the instruments of its exchange.
type PairsRequest struct{}

// PairsReply lists the instruments of an exchange, by symbol.
type PairsReply struct {
	Exchange    market.Exchange     `json:"exchange"`
	FetchedAt   time.Time           `json:"fetched_at"`
	Instruments []market.Instrument `json:"instruments"`
}

// KlinesRequest asks a collector for candles. Limit is 1…1000; zero times mean the newest candles.
type KlinesRequest struct {
	Symbol   market.Symbol `json:"symbol"`
	Interval Interval      `json:"interval"`
	Limit    int           `json:"limit"`
	Start    time.Time     `json:"start,omitzero"` // of the first candle, inclusive
	End      time.Time     `json:"end,omitzero"`   // open times are before or at this
}

// Where the candles of a reply come from.
const (
	FromExchange = "exchange" // its REST interface
	FromTrades   = "trades"   // built here from the trades seen, because the exchange did not answer
)

// KlinesReply is the answer to a KlinesRequest, oldest first.
type KlinesReply struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Interval Interval        `json:"interval"`
	Source   string          `json:"source"`
	Klines   []market.Candle `json:"klines"`
}

// BookRequest asks a collector for the book of an instrument that it collects; the answer is a market.Book.
type BookRequest struct {
	Symbol market.Symbol `json:"symbol"`
}
