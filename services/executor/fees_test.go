package executor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const tiers = `{
 "tiers": {
  "vip": {"binance": {"taker_bps": "4.5", "maker_bps": "1"}, "okx": {"taker_bps": "5"}},
  "plain": {}
 },
 "default": "plain",
 "accounts": {"aann": "vip"}
}`

func parseFeesFile(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fees.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return parse(map[string]string{feesKey: path, "HOURGLASS_TAKER_FEES_BPS": "kraken=26"})
}

func TestATierHasWhatItNamesAndTheServersFeesElsewhere(t *testing.T) {
	cfg, err := parseFeesFile(t, tiers)
	if err != nil {
		t.Fatal(err)
	}
	vip, plain := cfg.Tiers.ByName["vip"], cfg.Tiers.ByName["plain"]
	for name, tt := range map[string]struct {
		of       map[market.Exchange]decimal.Decimal
		exchange market.Exchange
		want     string
	}{
		"a taker's fee that is named":               {vip.TakerBps, "binance", "4.5"},
		"a maker's fee that is named":               {vip.MakerBps, "binance", "1"},
		"a maker's fee is at most the taker's":      {vip.MakerBps, "okx", "5"},
		"an exchange that the tier leaves out":      {vip.TakerBps, "kraken", "26"},
		"a tier that names nothing is the server's": {plain.TakerBps, "binance", "10"},
	} {
		if got := tt.of[tt.exchange]; got.String() != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestAFaultOfTheFeesFileIsNamedByItsField(t *testing.T) {
	for name, tt := range map[string]struct{ old, replaced, want string }{
		"no taker's fee":           {`"taker_bps": "5"`, ``, "tiers.vip.okx.taker_bps: is missing"},
		"a fee below zero":         {`"1"`, `"-1"`, "tiers.vip.binance.maker_bps: must be from 0"},
		"a fee of all there is":    {`"4.5"`, `"10000"`, "tiers.vip.binance.taker_bps: must be from 0 and below 10000"},
		"a misspelt field":         {`maker_bps`, `makers_bps`, `unknown field "makers_bps"`},
		"a name that is none":      {`"okx"`, `"o k x"`, "tiers.vip.o k x: is not the name of an exchange"},
		"a default that is none":   {`"default": "plain"`, `"default": "gold"`, `default: "gold" is not one of the tiers`},
		"an account's that is not": {`"aann": "vip"`, `"aann": "gold"`, `accounts.aann: "gold" is not one of the tiers`},
		"half a file":              {`"accounts": {"aann": "vip"}` + "\n}", ``, "unexpected EOF"},
		"something behind it":      {`{"aann": "vip"}` + "\n}", `{}} {}`, "something follows"},
	} {
		text := strings.Replace(tiers, tt.old, tt.replaced, 1)
		if _, err := parseFeesFile(t, text); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), feesKey) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := parse(map[string]string{feesKey: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a file that is not there was no fault")
	}
}

func TestAnOrderPaysTheFeesOfItsAccountsTier(t *testing.T) {
	cfg, err := parseFeesFile(t, tiers)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &memoryLog{})
		defer r.stop()
		for _, p := range r.parts {
			p.cfg.Tiers = cfg.Tiers // before any command; the loop is idle
		}
		r.open()
		id := r.place("t1")
		r.pass(15 * time.Second)
		o, _ := r.accounts[ann].state.Order(id)
		if p := o.Profile; o.Status != order.Filled || o.Fees.String() != "27.00045" || p.FeeTier != "vip" || p.TakerFeeBps["binance"].String() != "4.5" {
			t.Errorf("%s with fees %s, profile %+v", o.Status, o.Fees, p)
		}
	})
}
