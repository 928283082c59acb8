package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// feesKey names the file of the fee tiers.
const feesKey = "HOURGLASS_FEES_FILE"

// maxFeesFile bounds that file: some ten thousand accounts that have a tier.
const maxFeesFile = 1 << 20

// feesFile is the file's JSON: the tiers by name, then by exchange; the tier of accounts that are not named, and of those
// that are.
type feesFile struct {
	Tiers    map[string]map[market.Exchange]feesOf `json:"tiers"`
	Default  string                                `json:"default"`
	Accounts map[order.AccountID]string            `json:"accounts"`
}

// feesOf is what an exchange takes, in basis points: from 0, below the whole. Without a maker's fee it is that of the
// profile, at most the taker's.
type feesOf struct {
	TakerBps *decimal.Decimal `json:"taker_bps"`
	MakerBps *decimal.Decimal `json:"maker_bps"`
}

// readTiers reads the fee tiers. An exchange that a tier leaves out has the fees of the profile. Every fault is told, by its
// field.
func readTiers(path string, profile *order.Profile) (account.Tiers, error) {
	f, err := os.Open(path)
	if err != nil {
		return account.Tiers{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFeesFile+1))
	if err != nil {
		return account.Tiers{}, err
	}
	if len(text) > maxFeesFile {
		return account.Tiers{}, fmt.Errorf("is larger than %d KiB", maxFeesFile>>10)
	}
	return parseTiers(text, profile)
}

func parseTiers(text []byte, profile *order.Profile) (account.Tiers, error) {
	var file feesFile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields() // a misspelt fee must not be passed over
	if err := dec.Decode(&file); err != nil {
		return account.Tiers{}, fmt.Errorf("read fee tiers: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return account.Tiers{}, errors.New("read fee tiers: something follows the object")
	}
	var faults []error
	out := account.Tiers{ByName: map[string]account.Tier{}, Default: file.Default, Accounts: file.Accounts}
	for _, name := range slices.Sorted(maps.Keys(file.Tiers)) {
		tier, err := tierOf(file.Tiers[name], profile)
		if err != nil {
			faults = append(faults, fmt.Errorf("tiers.%.40s.%w", name, err))
		}
		out.ByName[name] = tier
	}
	if _, known := out.ByName[out.Default]; out.Default != "" && !known {
		faults = append(faults, fmt.Errorf("default: %.40q is not one of the tiers", out.Default))
	}
	for _, id := range slices.Sorted(maps.Keys(out.Accounts)) {
		if _, known := out.ByName[out.Accounts[id]]; !known {
			faults = append(faults, fmt.Errorf("accounts.%.40s: %.40q is not one of the tiers", id, out.Accounts[id]))
		}
	}
	return out, errors.Join(faults...)
}

// tierOf is a tier in full: what is named, over the fees of the profile. Its error begins with the exchange and the field.
func tierOf(named map[market.Exchange]feesOf, profile *order.Profile) (account.Tier, error) {
	t := account.Tier{TakerBps: maps.Clone(profile.TakerFeeBps), MakerBps: maps.Clone(profile.MakerFeeBps)}
	for _, e := range slices.Sorted(maps.Keys(named)) {
		fees := named[e]
		if _, err := market.ParseExchange(string(e)); err != nil {
			return t, fmt.Errorf("%.40s: is not the name of an exchange", e)
		}
		taker, err := share(fees.TakerBps)
		if err != nil {
			return t, fmt.Errorf("%s.taker_bps: %w", e, err)
		}
		maker := taker
		if known, ok := profile.MakerFeeBps[e]; ok {
			maker = known.Min(taker)
		}
		if fees.MakerBps != nil {
			if maker, err = share(fees.MakerBps); err != nil {
				return t, fmt.Errorf("%s.maker_bps: %w", e, err)
			}
		}
		t.TakerBps[e], t.MakerBps[e] = taker, maker
	}
	return t, nil
}

// share checks a fee.
func share(bps *decimal.Decimal) (decimal.Decimal, error) {
	switch {
	case bps == nil:
		return decimal.Decimal{}, errors.New("is missing")
	case bps.Sign() < 0 || bps.Cmp(decimal.New(10_000, 0)) >= 0:
		return decimal.Decimal{}, errors.New("must be from 0 and below 10000")
	}
	return *bps, nil
}
