package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// The plain orders, which go to the market at once.
const (
	Market Type = "market" // takes what there is
	Limit  Type = "limit"  // takes what is at its price or better; the rest may wait there
)

// TimeInForce says what becomes of what a plain order cannot have at once.
type TimeInForce string

// The times in force. A market order is never GTC.
const (
	GTC TimeInForce = "gtc" // it rests on one exchange until it is filled or canceled, 90 days at most
	IOC TimeInForce = "ioc" // it is given up
	FOK TimeInForce = "fok" // all or nothing, on the one exchange that gives it cheapest
)

// How long a plain order may live: a resting one as long as its owner wants, within a quarter; another has its answer after
// the latency, or never.
const (
	RestingSeconds   = 90 * 86_400
	ImmediateSeconds = 60
)

// Plain are the parameters of a market or limit order as the client chose them, defaults filled in.
type Plain struct {
	TokenID     string            `json:"token_id"`
	Symbol      market.Symbol     `json:"symbol"`
	Exchanges   []market.Exchange `json:"exchanges"` // names, or market.All alone
	Side        market.Side       `json:"side"`
	Type        Type              `json:"type"`
	Quantity    decimal.Decimal   `json:"quantity"`
	Price       *decimal.Decimal  `json:"price"` // of a limit order, else null
	TimeInForce TimeInForce       `json:"time_in_force"`
	Preset      string            `json:"preset,omitempty"`
}

// SetDefaults fills in what the client left out: all exchanges; GTC for a limit order, IOC for a market order.
func (p *Plain) SetDefaults() {
	if len(p.Exchanges) == 0 {
		p.Exchanges = []market.Exchange{market.All}
	}
	switch {
	case p.TimeInForce != "":
	case p.Type == Limit:
		p.TimeInForce = GTC
	default:
		p.TimeInForce = IOC
	}
}

// Validate checks what can be checked without a market. It returns every fault, nil if there is none.
func (p *Plain) Validate(now time.Time) []FieldError {
	var f faults
	f.oneOf("type", string(p.Type), string(Market), string(Limit))
	f.oneOf("time_in_force", string(p.TimeInForce), string(GTC), string(IOC), string(FOK))
	switch {
	case p.Type == Limit && p.Price == nil:
		f.add("price", "a limit order has one")
	case p.Type == Market && p.Price != nil:
		f.add("price", "a market order has none")
	case p.Price != nil && p.Price.Sign() <= 0:
		f.add("price", "must be above 0")
	}
	f.check(p.Type != Market || p.TimeInForce != GTC, "time_in_force", "a market order cannot rest: ioc or fok")
	params := p.Params()
	params.DurationSeconds, params.LimitPrice = 1, nil // what is fixed here is not the client's to get wrong
	return append(f, params.Validate(now)...)
}

// Params returns the parameters as Order.Params has them: those of a schedule of one slice, due at once.
func (p *Plain) Params() Params {
	out := Params{
		TokenID: p.TokenID, Symbol: p.Symbol, Exchanges: p.Exchanges, Side: p.Side, Quantity: p.Quantity, LimitPrice: p.Price,
		DurationSeconds: ImmediateSeconds, Slices: 1, CatchUp: CatchUpNone, CatchUpMaxMultiple: decimal.One, EndPolicy: EndExpire,
		Routing: RouteAllIn, Preset: p.Preset,
	}
	if p.TimeInForce == GTC {
		out.DurationSeconds = RestingSeconds
	}
	return out
}

// Resting is where the rest of a limit order waits.
type Resting struct {
	Exchange market.Exchange `json:"exchange"`
	Price    decimal.Decimal `json:"price"`
	Since    time.Time       `json:"since"`
	// Ahead is what the book showed at the price when the order joined it, less what has traded there up to the order's last
	// event: so much must trade there before the order does, as nobody before it is taken to have left.
	Ahead decimal.Decimal `json:"ahead"`
	// Hidden is set where the price lay behind the levels that the book publishes: trades at it count for nothing until it
	// comes into sight, and Ahead is what the book shows then.
	Hidden bool `json:"hidden,omitempty"`
	// Matched is what trades have given it since; what a book that reached it gave is not in it.
	Matched decimal.Decimal `json:"matched"`
}
