package binance

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/replay"
)

// appendDepth spells the answer to a depth request.
func appendDepth(dst []byte, p replay.Picture) []byte {
	dst = append(dst, `{"lastUpdateId":`...)
	dst = strconv.AppendInt(dst, p.LastID, 10)
	dst = append(dst, `,"bids":[`...)
	dst = appendLevels(dst, p.Bids)
	dst = append(dst, `],"asks":[`...)
	dst = appendLevels(dst, p.Asks)
	return append(dst, `]}`...)
}

func appendLevels(dst []byte, levels []replay.Level) []byte {
	for i, l := range levels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `["`...)
		dst = append(dst, l.Price...)
		dst = append(dst, `","`...)
		dst = append(dst, l.Qty...)
		dst = append(dst, `"]`...)
	}
	return dst
}

// cutDepth cuts a recorded answer to a limit below its own; otherwise it stays as it was recorded, to the byte.
func cutDepth(body []byte, limit int) ([]byte, error) {
	var m struct {
		LastUpdateID int64             `json:"lastUpdateId"`
		Bids         []json.RawMessage `json:"bids"`
		Asks         []json.RawMessage `json:"asks"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("recorded depth answer: %w", err)
	}
	if limit >= len(m.Bids) && limit >= len(m.Asks) {
		return body, nil
	}
	m.Bids, m.Asks = m.Bids[:min(limit, len(m.Bids))], m.Asks[:min(limit, len(m.Asks))]
	return json.Marshal(m)
}
