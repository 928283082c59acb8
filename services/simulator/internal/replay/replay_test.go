package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

func pairsOf(levels []Level) [][2]string {
	out := make([][2]string, len(levels))
	for i, l := range levels {
		out[i] = [2]string{string(l.Price), string(l.Qty)}
	}
	return out
}

func TestRecordedBooksAreRebuiltToTheLastLevel(t *testing.T) {
	files := []string{
		"captures/binance/binance_2021-10-12.cap.gz",
		"market/binance_spot_BTCUSDT_2024-08-08.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-07-07_d10.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-01_btcusd_d10_resubscribes.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-02_btcusd_d25.cap.gz",
		"captures/kraken_v2/kraken_v2_2026-08-02_xrpusd_d25.cap.gz",
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			folder, err := ReadFolder(sharedtest.Only(t, file))
			if err != nil {
				t.Fatal(err)
			}
			p := NewPlayer(folder.Recordings[0], 1)
			now := time.Now()
			p.Start(now)
			for symbol, want := range sharedtest.Expected(t, file) {
				if want.SHA256 == "" {
					continue
				}
				got, ok, err := p.Book(symbol, 0, now.Add(time.Hour))
				if !ok || err != nil {
					t.Fatalf("%s: no book: %v", symbol, err)
				}
				bids, asks := pairsOf(got.Bids), pairsOf(got.Asks)
				if h := sharedtest.Hash(bids, asks); h != want.SHA256 {
					t.Errorf("%s: book hashes to %s, want %s\n%s", symbol, h, want.SHA256, cmp.Diff(want.Bids, bids[:10]))
				}
				if got.LastID != want.LastID {
					t.Errorf("%s: last id %d, want %d", symbol, got.LastID, want.LastID)
				}
			}
		})
	}
}

func TestABookWithoutASnapshotInItsIDRangeIsNeverBuilt(t *testing.T) {
	folder, err := ReadFolder(sharedtest.Only(t, "captures/binance/binance_2026-07-07_unanchored.cap.gz"))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPlayer(folder.Recordings[0], 1)
	now := time.Now()
	p.Start(now)
	if _, ok, err := p.Book("BTCUSDT", 0, now.Add(time.Hour)); ok || err != nil {
		t.Errorf("Book() = %v, %v; want none", ok, err)
	}
	if _, ok := p.Anchored("BTCUSDT"); ok {
		t.Error("the recording has no snapshot, yet it is anchored")
	}
}

func TestAFolderIsReadAsFarAsItIsServed(t *testing.T) {
	dir := sharedtest.Dir(t)
	folder, err := ReadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(folder.Recordings) < 13 {
		t.Errorf("%d recordings, want 13 at least", len(folder.Recordings))
	}
	for _, s := range folder.Skipped {
		t.Logf("skipped %s: %s", s.File, s.Reason)
	}
	for _, rec := range folder.Recordings {
		for _, symbol := range rec.Symbols {
			i, ok, err := folder.Instrument(rec, symbol)
			if err != nil || ok == strings.HasSuffix(symbol, "-SWAP") {
				t.Errorf("%s %s: no instrument: %v", rec.File, symbol, err)
			}
			t.Logf("%s %s: %s, entry %.80s, %d and %d decimals", rec.File, symbol, i.Canonical(), i.Entry, i.PriceDecimals, i.QtyDecimals)
		}
	}
}

func TestInstrumentsAreMeasuredWhereNoneWereRecorded(t *testing.T) {
	folder, err := ReadFolder(sharedtest.Only(t,
		"market/binance_spot_BTCUSDT_2024-08-08.cap.gz", "captures/kraken_v2/kraken_v2_2026-08-02_xrpusd_d25.cap.gz"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Instrument{
		"BTCUSDT": {Symbol: "BTCUSDT", Base: "BTC", Quote: "USDT", PriceDecimals: 2, QtyDecimals: 6},
		"XRP/USD": {Symbol: "XRP/USD", Base: "XRP", Quote: "USD", PriceDecimals: 5, QtyDecimals: 8},
	}
	for _, rec := range folder.Recordings {
		got, ok, err := folder.Instrument(rec, rec.Symbols[0])
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if d := cmp.Diff(want[rec.Symbols[0]], got); d != "" {
			t.Error(d)
		}
	}
}
