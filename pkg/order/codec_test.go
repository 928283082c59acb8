package order_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestAnEventHasOneEncodingThatReadsBack(t *testing.T) {
	e := &order.Event{
		Account: "a1", Version: 3, Prev: "00ff", ID: "o1-2", Type: order.SliceDecided, At: time.Unix(7, 5).UTC(), OrderID: "o1",
		Postings: []order.Posting{{Asset: "USDT", Bucket: order.Available, Amount: decimal.MustParse("-1.5")}},
		Slice:    &order.Slice{K: 2, Status: order.SliceSkipped, Reason: order.Late},
	}
	first, err := order.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := order.Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := order.Encode(back)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("read back as\n%s\nwas\n%s (%v)", second, first, err)
	}
	if h := order.Hash(first); len(h) != 64 || h != order.Hash(second) {
		t.Errorf("hash = %q", h)
	}
	if _, err := order.Decode([]byte(`{"v":"x"}`)); err == nil {
		t.Error("a version that is no number was read")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"account":"a1","v":1,"type":"deposited","at":"2026-01-01T00:00:00Z","deposit":{"asset":"USD","amount":"1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := order.Decode(b)
		if err != nil {
			return
		}
		first, err := order.Encode(e)
		if err != nil {
			t.Skip("a time outside the years that JSON can hold")
		}
		back, err := order.Decode(first)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := order.Encode(back); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s was read back as %s (%v)", first, second, err)
		}
	})
}
