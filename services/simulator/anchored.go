package simulator

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/bitstamp"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/gateio"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/kucoin"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// The exchanges spoken over a stall.Market.

func bitstampSim(f *floor.Floor) speaker { return bitstampSpeaker(bitstamp.NewSim(f)) }

func bitstampReplay() (recorded, speaker) {
	m := bitstamp.NewReplay()
	return m, bitstampSpeaker(m)
}

func bitstampSpeaker(m stall.Market) speaker {
	return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
		return bitstamp.New(m, door, log).Handler(ctx)
	}
}

func gateioSim(f *floor.Floor) speaker { return gateioSpeaker(gateio.NewSim(f)) }

func gateioReplay() (recorded, speaker) {
	m := gateio.NewReplay()
	return m, gateioSpeaker(m)
}

func gateioSpeaker(m stall.Market) speaker {
	return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
		return gateio.New(m, door, log).Handler(ctx)
	}
}

func kucoinSim(f *floor.Floor) speaker { return kucoinSpeaker(kucoin.NewSim(f)) }

func kucoinReplay() (recorded, speaker) {
	m := kucoin.NewReplay()
	return m, kucoinSpeaker(m)
}

func kucoinSpeaker(m stall.Market) speaker {
	return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
		return kucoin.New(m, door, log).Handler(ctx)
	}
}
