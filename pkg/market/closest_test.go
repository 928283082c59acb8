package market_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/market"
)

func TestTheClosestNamesAreFound(t *testing.T) {
	names := []string{"DOGE-BTC", "BTC-USDC", "ETH-USDT", "BTC-USDT", "BTC-EUR", "SOL-USDT", "BTC-TRY"}
	tests := map[string][]string{
		"BTC-UDST":                {"BTC-USDT", "BTC-USDC"}, // two letters swapped are one change
		"BTC-USDX":                {"BTC-USDC", "BTC-USDT"},
		"btcusdt":                 {"BTC-USDT", "BTC-USDC", "ETH-USDT"},
		"XBT/EUR":                 {"BTC-EUR"},
		"BTC":                     {"BTC-EUR", "BTC-TRY", "BTC-USDC"},
		"BT-USDT":                 {"BTC-USDT", "BTC-USDC", "ETH-USDT"},
		"QQQQ-ZZ":                 nil,
		"*.>":                     nil,
		"":                        nil,
		strings.Repeat("A", 1000): nil,
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			for range names {
				if got := market.Closest(text, names); !slices.Equal(got, want) {
					t.Fatalf("%v of %v, want %v", got, names, want)
				}
				names = append(names[1:], names[0]) // their order does not matter
			}
		})
	}
	if got := market.Closest("AAAA", []string{strings.Repeat("A", 1000)}); got != nil {
		t.Errorf("%.80v", got)
	}
}

func TestAMessageEndsWithWhatWasPerhapsMeant(t *testing.T) {
	if got := market.DidYouMean(market.Closest("BTC-UDST", []string{"BTC-USDC", "BTC-USDT"})); got != "; did you mean BTC-USDT, BTC-USDC?" {
		t.Error(got)
	}
	if got := market.DidYouMean(nil); got != "" {
		t.Error(got)
	}
}
