package simulator

import (
	"fmt"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
)

// openReplay reads the recordings. Where a symbol stands in several of an exchange's, the newest one is played.
func (s *Simulator) openReplay(cfg Config) error {
	folder, err := replay.ReadFolder(cfg.ReplayDir)
	if err != nil {
		return err
	}
	for _, skip := range folder.Skipped {
		cfg.Log.Info("file is not played", "file", skip.File, "reason", skip.Reason)
	}
	markets := map[string]recorded{}
	speakers := map[string]speaker{}
	for _, e := range exchanges {
		if e.replay != nil {
			markets[e.name], speakers[e.name] = e.replay()
		}
	}
	taken := map[string]string{}
	for _, rec := range folder.Recordings {
		if markets[rec.Exchange] == nil {
			cfg.Log.Info("file is not played", "file", rec.File, "reason", rec.Exchange+" is not served yet")
			continue
		}
		player := replay.NewPlayer(rec, cfg.Speed)
		for _, symbol := range rec.Symbols {
			key := rec.Exchange + " " + symbol
			if file, ok := taken[key]; ok {
				cfg.Log.Info("symbol is not played from this file", "file", rec.File, "symbol", symbol, "reason", "a newer recording has it: "+file)
				continue
			}
			i, ok, err := folder.Instrument(rec, symbol)
			if err != nil {
				return fmt.Errorf("describe %s: %w", symbol, err)
			}
			if !ok {
				cfg.Log.Warn("symbol is not played", "file", rec.File, "symbol", symbol, "reason", "its base and quote assets cannot be told apart")
				continue
			}
			taken[key] = rec.File
			if !cfg.wants(rec.Exchange, i.Canonical()) {
				continue
			}
			if err := markets[rec.Exchange].Add(player, i); err != nil {
				return err
			}
			s.offer(rec.Exchange, i.Canonical())
		}
	}
	for name, speak := range speakers {
		if s.offered(name) {
			s.speakers[name] = speak
		}
	}
	return nil
}
