package simulator

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/floor"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// inBand is an exchange whose books begin with a picture on their stream.
func inBand[S interface {
	Handler(ctx context.Context) http.Handler
}](name string, words venue.Words, open func(venue.Market, *wire.Door, *slog.Logger) S) exchange {
	over := func(m venue.Market) speaker {
		return func(ctx context.Context, door *wire.Door, log *slog.Logger) http.Handler {
			return open(m, door, log).Handler(ctx)
		}
	}
	return exchange{
		name: name,
		sim:  func(f *floor.Floor) speaker { return over(venue.NewSim(f, name, words)) },
		replay: func() (recorded, speaker) {
			m := venue.NewReplay(words)
			return m, over(m)
		},
	}
}
