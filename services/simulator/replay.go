package simulator

import (
	"fmt"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/binance"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/kraken"
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
	b, k := binance.NewReplay(), kraken.NewReplay()
	taken := map[string]string{}
	for _, rec := range folder.Recordings {
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
			if err := add(b, k, player, i); err != nil {
				return err
			}
			s.offer(rec.Exchange, i.Canonical())
		}
	}
	if s.offered(replay.Binance) {
		s.binance = b
	}
	if s.offered(replay.Kraken) {
		s.kraken = k
	}
	return nil
}

func add(b *binance.Replay, k *kraken.Replay, p *replay.Player, i replay.Instrument) error {
	if p.Exchange == replay.Kraken {
		return k.Add(p, i)
	}
	b.Add(p, i)
	return nil
}
