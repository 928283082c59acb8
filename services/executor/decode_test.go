package executor

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// TestWhatIsDecodedFastIsDecodedAlike holds the fast decoder against the library's, whole and damaged: what one executor folds
// when it has stored an event, and another skips as foreign when it reads it, would make two truths.
func TestWhatIsDecodedFastIsDecodedAlike(t *testing.T) {
	log, _ := town(t, 1, 20)
	rng := rand.New(rand.NewPCG(7, 7))
	for _, m := range log.stored {
		for round := range 60 {
			body := bytes.Clone(m.Data)
			if round > 0 {
				damage(rng, body)
			}
			want, wantErr := order.Decode(body)
			got, err := decode(body)
			if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\ndecoded as %+v, %v; want %+v, %v", body, got, err, want, wantErr)
			}
		}
	}
	log.save(t, len(log.stored))
	a, err := thaw(log.snapshots[order.AccountID("a0").Partition()][0], &account.Config{})
	if err != nil {
		t.Fatal(err)
	}
	state := []byte(dump(t, &owned{state: a.state}))
	for round := range 300 {
		body := bytes.Clone(state)
		if round > 0 {
			damage(rng, body)
		}
		var want, got account.State
		wantErr, err := json.Unmarshal(body, &want), unmarshal(body, &got)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("a state is decoded in two ways: %v, %v", err, wantErr)
		}
	}
}

// damage changes some bytes: bits, letters' cases, and pieces that stand elsewhere.
func damage(rng *rand.Rand, body []byte) {
	for range 1 + rng.IntN(3) {
		i := rng.IntN(len(body))
		switch rng.IntN(3) {
		case 0:
			body[i] ^= 1 << rng.IntN(8)
		case 1:
			body[i] ^= 'a' ^ 'A'
		default:
			from := rng.IntN(len(body))
			copy(body[i:], body[from:min(from+8, len(body))])
		}
	}
}
