package simulator_test

import "testing"

func TestHeartbeatsGoOnAfterARecordingHasEnded(t *testing.T) {
	addr := replayed(t, 1000, "captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz")
	ws := dial(t, "ws://"+addr+"/coinbase")
	// Without the book, whose picture takes longer to read than such a recording lasts.
	ws.send(`{"type":"subscribe","product_ids":["BTC-USD"],"channels":["matches","heartbeat"]}`)
	matches, last := 0, int64(0)
	for {
		var m struct {
			Type  string `json:"type"`
			Trade int64  `json:"trade_id"`
			Last  int64  `json:"last_trade_id"`
		}
		unmarshal(t, ws.read(), &m)
		if m.Type == "match" {
			matches, last = matches+1, max(last, m.Trade)
		}
		if m.Type == "heartbeat" && matches == 344 {
			if m.Last != last {
				t.Errorf("the heartbeat says %d, the last match is %d", m.Last, last)
			}
			return
		}
	}
}
