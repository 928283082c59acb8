package order_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// anyEvent makes events with anything in any field: short or empty lists, words that need escapes, numbers of all sizes.
var anyEvent = rapid.MakeCustom[order.Event](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
	reflect.TypeFor[string](): rapid.StringOfN(rapid.SampledFrom([]rune("ab0\"<&é")), 0, 4, -1).AsAny(),
	reflect.TypeFor[decimal.Decimal](): rapid.Custom(func(t *rapid.T) decimal.Decimal {
		d := decimal.New(rapid.Int64().Draw(t, "coef"), rapid.IntRange(0, 18).Draw(t, "scale"))
		if wide, err := d.Mul(decimal.New(1_000_000_000_000_000_003, 9)); err == nil && rapid.Bool().Draw(t, "wide") {
			return wide
		}
		return d
	}).AsAny(),
	reflect.TypeFor[time.Time](): rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(-1<<35, 1<<35).Draw(t, "at"), rapid.SampledFrom([]int64{0, 1, 500_000_000}).Draw(t, "ns"))
		return rapid.SampledFrom([]time.Time{{}, at, at.UTC()}).Draw(t, "time")
	}).AsAny(),
	reflect.TypeFor[order.Ratio](): rapid.Custom(func(t *rapid.T) order.Ratio {
		return order.Ratio(decimal.New(rapid.Int64Range(0, 1_000_000).Draw(t, "ratio"), 6))
	}).AsAny(),
}})

func TestAnEventIsEncodedAsTheStandardLibraryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent.Draw(t, "event")
		want, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := order.Encode(&e); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("encoded as\n%s, want\n%s (%v)", got, want, err)
		}
	})
}
