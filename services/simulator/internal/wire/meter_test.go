package wire

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMeterCountsEachClientInEachWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(2, time.Second)
		ask := func(addr string) bool { return m.Allow(&http.Request{RemoteAddr: addr}) }
		for i, want := range []bool{true, true, false} {
			if got := ask("10.0.0.1:1000"); got != want {
				t.Errorf("request %d: %v", i, got)
			}
		}
		if !ask("10.0.0.2:1000") {
			t.Error("another client pays for the first")
		}
		time.Sleep(time.Second) // the bubble's time
		if !ask("10.0.0.1:1001") {
			t.Error("a new window is not new")
		}
	})
}
