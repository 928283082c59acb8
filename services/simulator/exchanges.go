package simulator

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/binance"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/bybit"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/coinbase"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/gemini"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/kraken"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/okx"
)

// speaker answers all paths of one exchange; the end of ctx ends its WebSocket sessions.
type speaker func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler

// recorded is an exchange whose recordings can be played.
type recorded interface {
	// Add offers a symbol of a recording.
	Add(p *replay.Player, i replay.Instrument) error
}

// exchange is one whose protocol is spoken here.
type exchange struct {
	name string
	// sim speaks over the synthetic market. It listens to the floor, so it is called before that runs.
	sim func(f *floor.Floor) speaker
	// replay returns an empty market of recordings and what speaks over it; nil where recordings are not played.
	replay func() (recorded, speaker)
}

// exchanges are all of them. A new one is a folder under internal/wire, its pairs in internal/market, and a line here.
var exchanges = []exchange{
	{"binance", binanceSim("binance"), binanceReplay},
	{"binance_tr", binanceSim("binance_tr"), nil},
	{"binance_us", binanceSim("binance_us"), binanceReplay},
	{"bitstamp", bitstampSim, bitstampReplay},
	{"gateio", gateioSim, gateioReplay},
	inBand(bybit.Name, bybit.Words{}, bybit.New),
	inBand(coinbase.Name, coinbase.Words{}, coinbase.New),
	inBand(gemini.Name, gemini.Words{}, gemini.New),
	{"kraken", krakenSim, krakenReplay},
	inBand(okx.Name, okx.Words{}, okx.New),
	{"kucoin", kucoinSim, kucoinReplay},
}

// defaults are the exchanges of the synthetic market where none are named.
var defaults = []string{"binance", "kraken"}

// Exchanges lists all exchanges whose protocols are spoken here.
func Exchanges() []string {
	names := make([]string, len(exchanges))
	for i, e := range exchanges {
		names[i] = e.name
	}
	return names
}

func binanceSim(name string) func(*floor.Floor) speaker {
	return func(f *floor.Floor) speaker { return binanceSpeaker(binance.NewSim(f, name)) }
}

func binanceReplay() (recorded, speaker) {
	m := binance.NewReplay()
	return m, binanceSpeaker(m)
}

func binanceSpeaker(m binance.Market) speaker {
	return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
		return binance.New(m, door, log).Handler(ctx)
	}
}

func krakenSim(f *floor.Floor) speaker { return krakenSpeaker(kraken.NewSim(f)) }

func krakenReplay() (recorded, speaker) {
	m := kraken.NewReplay()
	return m, krakenSpeaker(m)
}

func krakenSpeaker(m kraken.Market) speaker {
	return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
		return kraken.New(m, door, log).Handler(ctx)
	}
}
