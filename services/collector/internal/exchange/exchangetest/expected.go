package exchangetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// expected is what is known about recordings, computed by a program that shares no code with ours.
type expected struct {
	Captures []struct {
		File     string
		Protocol string
		Symbols  map[string]symbolExpected
	}
}

type symbolExpected struct {
	BookMessages int `json:"book_messages"`
	Snapshots    int `json:"snapshots"`
	IDChain      *struct {
		First  uint64 `json:"first_U"`
		Last   uint64 `json:"last_u"`
		Breaks int    `json:"breaks"`
	} `json:"id_chain"`
	InSync          *bool          `json:"in_sync"`
	ChecksumsOK     int            `json:"checksums_ok"`
	SubscribedDepth int            `json:"subscribed_depth"`
	Evicted         int            `json:"levels_evicted_by_truncation"`
	FinalID         uint64         `json:"final_id"`
	FinalLevels     [2]int         `json:"final_levels"`
	Bids            []market.Level `json:"bids"`
	Asks            []market.Level `json:"asks"`
	Hash            string         `json:"full_book_sha256"`
	Checkpoints     []struct {
		After   int                                           `json:"after_book_message"`
		Bid     market.Level                                  `json:"best_bid"`
		Ask     market.Level                                  `json:"best_ask"`
		Average map[market.Side]map[string]*exponentedDecimal `json:"average_price"`
	} `json:"checkpoints"`
	Trades *struct {
		Count int             `json:"count"`
		Buys  decimal.Decimal `json:"taker_buy_volume"`
		Sells decimal.Decimal `json:"taker_sell_volume"`
		Last  struct {
			ID    any             `json:"id"`
			Price decimal.Decimal `json:"price"`
			Size  decimal.Decimal `json:"size"`
			Taker market.Side     `json:"taker_side"`
		} `json:"last"`
	} `json:"trades"`
	LossProbes []struct {
		Drop     int  `json:"drop_delta_number"`
		Detected *int `json:"loss_first_detectable_at_delta_number"`
	} `json:"loss_probes"`
}

// exponentedDecimal is a decimal that may be spelled 6.178E+4.
type exponentedDecimal struct{ decimal.Decimal }

func (d *exponentedDecimal) UnmarshalJSON(b []byte) error { return d.Decimal.UnmarshalJSON(b) }

func readExpected(t *testing.T, path string) expected {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for i := range e.Captures {
		e.Captures[i].File = filepath.Join(filepath.Dir(path), e.Captures[i].File)
	}
	return e
}
