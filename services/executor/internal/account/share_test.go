package account_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

func TestOrdersOfOneRouteShareWhatNeverChanges(t *testing.T) {
	e := busy(t, 3, 2, "1")
	if _, err := e.Step(epoch.Add(time.Second), nil); err != nil {
		t.Fatal(err)
	}
	snapshot, err := json.Marshal(e.State)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := account.Restore(snapshot, &account.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*account.State{"live": e.State, "restored": restored} {
		for _, w := range s.Works[1:] {
			o := s.Works[0]
			fees, others := reflect.ValueOf(o.Order.Profile.TakerFeeBps), reflect.ValueOf(w.Order.Profile.TakerFeeBps)
			if &w.Instruments[0] != &o.Instruments[0] || fees.Pointer() != others.Pointer() || &w.Order.Exchanges[0] != &o.Order.Exchanges[0] {
				t.Errorf("%s: order %s has its own", name, w.Order.ID)
			}
			if w.Order.ID == o.Order.ID || !maps.Equal(w.Order.Profile.TakerFeeBps, o.Order.Profile.TakerFeeBps) {
				t.Errorf("%s: %s", name, w.Order.ID)
			}
		}
	}
}
