package account

import "github.com/hourglass-trading/hourglass/services/executor/internal/twap"

// Depart takes the account's orders out of the market, before the State is dropped: another executor works them from now on.
func (s *State) Depart(m *twap.Market) {
	for _, w := range s.Works {
		w.Depart(m)
	}
}
