package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestAFullStoreRefusesAndGoesOnWhenThereIsSpace fills a small store with long orders.
func TestAFullStoreRefusesAndGoesOnWhenThereIsSpace(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := up(t, "--data", data, "--max-store", "4")
	u := p.signUp("ann")
	u.place("running", "BTC-USDT", "buy", "1", 600, 1, nil)
	p.await("first fill", 30*time.Second, func() bool { return !u.order("running").FilledQuantity.IsZero() })
	var acknowledged []string
	p.await("a refusal", 60*time.Second, func() bool {
		token := fmt.Sprint("long", len(acknowledged))
		a := u.do("POST", "/v1/orders/twap", twap{
			"token_id": token, "symbol": "BTC-USDT", "side": "sell", "quantity": "1", "duration_seconds": 7200, "interval_seconds": 1,
		})
		switch a.status {
		case http.StatusCreated:
			acknowledged = append(acknowledged, token)
		case http.StatusServiceUnavailable:
			if bytes.Contains(a.body, []byte(`"store_full"`)) && a.header.Get("Retry-After") != "" {
				return true
			}
		}
		return false
	})
	if len(acknowledged) == 0 {
		t.Fatal("no long order was taken: the store is too small to show anything")
	}
	filled := u.order("running").FilledQuantity
	p.kill()

	p = up(t, "--data", data)
	u = &user{p: p}
	u.logIn("ann")
	for _, token := range acknowledged {
		if o := u.order(token); o.TokenID != token {
			t.Errorf("order %s was acknowledged and is %+v", token, o.Order)
		}
	}
	p.await("another fill", 60*time.Second, func() bool { return filled.Less(u.order("running").FilledQuantity) })
	u.place("again", "BTC-USDT", "buy", "0.1", 3, 1, nil)
	if _, err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	hourglass(t, "audit", "--data", data)
}
