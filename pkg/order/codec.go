package order

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/compact"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// eventJSON writes events as encoding/json does.
var eventJSON = compact.For[Event](compact.Map[market.Exchange, decimal.Decimal]())

// Encode returns the bytes of an event as they are stored, the same for the same event on every machine.
func Encode(e *Event) ([]byte, error) { return AppendEvent(nil, e) }

// AppendEvent appends what Encode returns to b. After an error what it returns is of no use.
func AppendEvent(b []byte, e *Event) ([]byte, error) {
	b, err := eventJSON.Append(b, e)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return b, nil
}

// Decode reads an event that Encode wrote.
func Decode(b []byte) (*Event, error) {
	e := new(Event)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	return e, nil
}

// Hash returns the SHA-256 of an event's bytes in hex, which the next event of the account names as its predecessor.
func Hash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
