package bus_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// keep is the snapshot of a state after an event.
func keep(t *testing.T, state, event []byte) *bus.Snapshot {
	t.Helper()
	sum := sha256.Sum256(state)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(state); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &bus.Snapshot{
		Account: "a01jzzzzzzzzzzzzzzzzzzzzzz", Form: order.SnapshotForm, Version: 9, Seq: 41, Prev: order.Hash(event), State: packed.Bytes(), Sum: hex.EncodeToString(sum[:]),
	}
}

func TestTheStateOfASnapshotIsBelievedOnlyAsItWasSummed(t *testing.T) {
	event := []byte("the ninth event")
	golden, err := os.ReadFile("testdata/snap.state.json")
	if err != nil {
		t.Fatal(err)
	}
	state := bytes.Replace(golden, []byte(`"hash": "00"`), []byte(`"hash": "`+order.Hash(event)+`"`), 1)
	kept := keep(t, state, event)
	view, err := kept.View()
	if err != nil {
		t.Fatal(err)
	}
	balances, err := view.Balances()
	if err != nil || len(balances) != 1 || balances[0].Total != dec("1000000") || len(view.Orders) != 1 || view.Orders[0].Order.Quantity != dec("2.5") {
		t.Errorf("balances %+v, orders %+v, %v", balances, view.Orders, err)
	}
	if !kept.Shows(&bus.Stored{Account: kept.Account, Seq: 41, Data: event}) || kept.Shows(&bus.Stored{Account: kept.Account, Seq: 40, Data: event}) ||
		kept.Shows(&bus.Stored{Account: "abob", Seq: 41, Data: event}) || kept.Shows(&bus.Stored{Account: kept.Account, Seq: 41, Data: state}) {
		t.Error("an event is taken for another")
	}
	for i := range kept.State {
		damaged := *kept
		damaged.State = bytes.Clone(kept.State)
		damaged.State[i] ^= 1 << (i % 8)
		if unpacked, err := damaged.Unpack(); err == nil && !bytes.Equal(unpacked, state) || err != nil && !errors.Is(err, bus.ErrSnapshot) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for name, spoil := range map[string]func(*bus.Snapshot){
		"another form":    func(s *bus.Snapshot) { s.Form = 0 },
		"another version": func(s *bus.Snapshot) { s.Version++ },
		"another account": func(s *bus.Snapshot) { s.Account = "abob" },
		"another hash":    func(s *bus.Snapshot) { s.Prev = "00" },
		"no place":        func(s *bus.Snapshot) { s.Seq = 0 },
		"another sum":     func(s *bus.Snapshot) { s.Sum = "00" },
	} {
		s := *kept
		spoil(&s)
		if _, err := s.View(); !errors.Is(err, bus.ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
