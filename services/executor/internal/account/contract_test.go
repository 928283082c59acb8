package account_test

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// told checks that the part of a snapshot which others read tells what the events tell whoever folds them.
func told(t tb, state []byte, events []order.Event) {
	t.Helper()
	var got, want order.Snapshot
	if err := json.Unmarshal(state, &got); err != nil {
		t.Fatal(err)
	}
	balances := map[string]order.Balance{}
	places := map[order.ID]int{}
	for i := range events {
		e := &events[i]
		want.Account, want.Version = e.Account, e.Version
		for _, b := range e.Balances {
			balances[b.Asset] = b
		}
		if e.Accepted != nil {
			places[e.OrderID] = len(want.Orders)
			want.Orders = append(want.Orders, order.SnapshotOrder{Instruments: e.Accepted.Instruments})
		}
		if at, there := places[e.OrderID]; there && e.Order != nil {
			want.Orders[at].Order = *e.Order
		}
		if e.CommandID != "" {
			want.Commands = append(want.Commands, order.SnapshotCommand{ID: e.CommandID, At: e.At})
		}
		body, err := order.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		want.Hash = order.Hash(body)
	}
	if got.Account != want.Account || got.Version != want.Version || got.Hash != want.Hash {
		t.Fatalf("account %s, version %d, hash %s; want %s, %d, %s", got.Account, got.Version, got.Hash, want.Account, want.Version, want.Hash)
	}
	var all []order.Balance
	for _, b := range balances {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b order.Balance) int { return cmp.Compare(a.Asset, b.Asset) })
	if kept, err := got.Balances(); err != nil || !slices.Equal(kept, all) {
		t.Fatalf("balances %+v, %v; want %+v", kept, err, all)
	}
	if a, b := asJSON(t, got.Orders), asJSON(t, want.Orders); a != b {
		t.Fatalf("orders %s\nwant %s", a, b)
	}
	if len(got.Commands) == 0 != (len(want.Commands) == 0) || len(got.Commands) > 0 && !reflect.DeepEqual(got.Commands, want.Commands[len(want.Commands)-len(got.Commands):]) {
		t.Fatalf("commands %+v, want the last of %+v", got.Commands, want.Commands)
	}
}

func asJSON(t tb, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestASnapshotTellsOthersWhatTheEventsTell(t *testing.T) {
	s := newScenario(&bytesDice{[]byte("an account whose orders are placed, amended, filled, canceled and refused")}, 80)
	events, e := s.run(t)
	told(t, []byte(asJSON(t, e.State)), events)
	for n := range events {
		state := account.New(events[0].Account, s.cfg)
		for i := range events[:n] {
			body, err := order.Encode(&events[i])
			if err == nil {
				err = state.Apply(&events[i], order.Hash(body))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n > 0 {
			told(t, []byte(asJSON(t, state)), events[:n])
		}
	}
}
