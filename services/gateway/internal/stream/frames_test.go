package stream

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimesHaveMillisecondsAlsoWhereTheyAreZero(t *testing.T) {
	whole := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for at, want := range map[time.Time]string{
		whole: `"2026-01-02T02:04:05.000000Z"`, whole.Add(700 * time.Millisecond): `"2026-01-02T02:04:05.700000Z"`,
		whole.Add(123_456 * time.Microsecond): `"2026-01-02T02:04:05.123456Z"`, whole.Add(time.Nanosecond): `"2026-01-02T02:04:05.000000001Z"`,
	} {
		if got, err := json.Marshal(stamp(at)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", at, got, err)
		}
	}
	event := []byte(`{"v":7,"type":"order_accepted","at":"2026-01-02T03:04:05Z"}`)
	frame, _, err := eventFrame(event)
	var f struct{ TS string }
	if err := json.Unmarshal(frame, &f); err != nil || f.TS != "2026-01-02T03:04:05.000000Z" {
		t.Errorf("an event: %s, %v", frame, err)
	}
	if err != nil {
		t.Error(err)
	}
}
