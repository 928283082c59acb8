package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Order is an order as its owner sees it. Schedule is there after a creation, and with Slices where one order is asked for.
type Order struct {
	order.Order
	Native   map[market.Exchange]string `json:"native,omitempty"` // the exchanges' own spellings of the symbol
	Schedule []order.Planned            `json:"schedule,omitempty"`
	Slices   []order.Slice              `json:"slices,omitempty"`
	// Rejection says why an order is Rejected: it was refused after its creation had ended with ErrPending.
	Rejection *order.Rejection `json:"rejection,omitempty"`
}

// NewTokenID returns an id for an order that no other order has.
func NewTokenID() string { return "hg-" + strings.ToLower(rand.Text()[:16]) }

// CreateTWAP places an order and returns it with its planned schedule. It is safe to repeat: the token_id names the order,
// so a lost answer is found again and nothing is placed twice. An order that was there before the call is ErrExists.
func (c *Client) CreateTWAP(ctx context.Context, t TWAP) (Order, error) {
	if t.TokenID == "" {
		t.TokenID = NewTokenID()
	}
	return c.create(ctx, t.TokenID, t, func(server string) (*http.Request, error) {
		return api.NewCreateTWAPRequestWithBody(server, &api.CreateTWAPParams{}, "application/json", http.NoBody)
	})
}

// create asks again as long as the order is recorded and not decided on: the repetition is the same command to the server,
// waits for its answer, and tells a refusal that came late. ErrPending is left where there is no answer for too long.
func (c *Client) create(ctx context.Context, tokenID string, body any, build func(string) (*http.Request, error)) (Order, error) {
	var repeated bool
	deadline := c.now().Add(c.retryFor)
	for attempt := 0; ; attempt++ {
		var (
			o    Order
			told *Error
		)
		err := c.do(ctx, call{build: build, body: body, repeatable: true, repeated: &repeated}, &o)
		switch {
		case errors.Is(err, ErrPending) && c.now().Before(deadline):
			repeated = true
			if err := wait(ctx, backoff(firstPause, longPause, attempt)); err != nil {
				return Order{}, err
			}
			continue
		case errors.Is(err, ErrPending):
			return Order{}, fmt.Errorf("%w: order %s", ErrPending, tokenID)
		case repeated && errors.Is(err, ErrExists) && errors.As(err, &told) && told.Identical && told.Order != nil:
			return *told.Order, nil // our own first try, whose answer was lost
		}
		return o, err
	}
}

// OrdersQuery chooses orders; zero fields choose all.
type OrdersQuery struct {
	Status  string // open, closed or all
	TokenID string
	Symbol  string
	Page    int // orders a request, 1…1000
}

// Orders yields the caller's orders, newest first, page by page. It ends with the first error.
func (c *Client) Orders(ctx context.Context, q OrdersQuery) iter.Seq2[Order, error] {
	return pages(func(cursor string) ([]Order, string, error) {
		p := api.ListOrdersParams{TokenId: given(q.TokenID), Symbol: given(q.Symbol), Limit: given(q.Page), Cursor: given(cursor)}
		if q.Status != "" {
			p.Status = given(api.ListOrdersParamsStatus(q.Status))
		}
		var page struct {
			Orders     []Order
			NextCursor string `json:"next_cursor"`
		}
		err := c.do(ctx, call{repeatable: true, build: func(server string) (*http.Request, error) {
			return api.NewListOrdersRequest(server, &p)
		}}, &page)
		return page.Orders, page.NextCursor, err
	})
}

// Executions yields the fills of an order, oldest first, page by page. It ends with the first error.
func (c *Client) Executions(ctx context.Context, tokenID string) iter.Seq2[order.Fill, error] {
	most := 1000
	return pages(func(cursor string) ([]order.Fill, string, error) {
		var page struct {
			Executions []order.Fill
			NextCursor string `json:"next_cursor"`
		}
		err := c.do(ctx, call{repeatable: true, build: func(server string) (*http.Request, error) {
			return api.NewListExecutionsRequest(server, tokenID, &api.ListExecutionsParams{Limit: &most, Cursor: given(cursor)})
		}}, &page)
		return page.Executions, page.NextCursor, err
	})
}

func pages[T any](page func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for cursor := ""; ; {
			items, next, err := page(cursor)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// Order returns one order in full. One whose creation ended with ErrPending is ErrPending here too until it is decided on; if
// it was refused then, its Status is Rejected.
func (c *Client) Order(ctx context.Context, tokenID string) (Order, error) {
	var o Order
	err := c.do(ctx, call{repeatable: true, build: func(server string) (*http.Request, error) {
		return api.NewGetOrderRequest(server, tokenID)
	}}, &o)
	return o, err
}

// Cancel ends an order; what was reserved comes back. An order that has ended before is ErrConflict.
func (c *Client) Cancel(ctx context.Context, tokenID string) (Order, error) {
	return c.change(ctx, tokenID, order.Canceled, func(server string) (*http.Request, error) {
		return api.NewCancelOrderRequest(server, tokenID)
	})
}

// Pause stops the slices of an order until Resume.
func (c *Client) Pause(ctx context.Context, tokenID string) (Order, error) {
	return c.change(ctx, tokenID, order.Paused, func(server string) (*http.Request, error) {
		return api.NewPauseOrderRequest(server, tokenID)
	})
}

// Resume goes on with a paused order.
func (c *Client) Resume(ctx context.Context, tokenID string) (Order, error) {
	return c.change(ctx, tokenID, order.Active, func(server string) (*http.Request, error) {
		return api.NewResumeOrderRequest(server, tokenID)
	})
}

// change asks for a state. It may be repeated, because an order that is in the state already is what was asked for: a refusal
// of the repetition is then the lost answer of the first try.
func (c *Client) change(ctx context.Context, tokenID string, wanted order.Status, build func(string) (*http.Request, error)) (Order, error) {
	var (
		o        Order
		repeated bool
	)
	err := c.do(ctx, call{build: build, repeatable: true, repeated: &repeated}, &o)
	if errors.Is(err, ErrPending) || repeated && errors.Is(err, ErrConflict) {
		now, lookErr := c.Order(ctx, tokenID)
		if lookErr == nil && now.Status == wanted {
			return now, nil
		}
	}
	return o, err
}

// CancelAll ends every open order and returns how many there were. It may be repeated: of a lost answer those count that
// the repetition still found.
func (c *Client) CancelAll(ctx context.Context) (int, error) {
	var answer struct {
		Canceled []struct{}
		Pending  []string // recorded: they will be
	}
	err := c.do(ctx, call{repeatable: true, build: func(server string) (*http.Request, error) {
		return api.NewCancelOrdersRequest(server, &api.CancelOrdersParams{Status: "open"})
	}}, &answer)
	return len(answer.Canceled) + len(answer.Pending), err
}

// Amendment changes the part of an order that is not filled yet. Nil fields and a zero time stay as they are.
type Amendment struct {
	Quantity         *decimal.Decimal `json:"quantity,omitempty"` // the whole, what is filled already included
	LimitPrice       *decimal.Decimal `json:"limit_price,omitempty"`
	MaxSlippageBps   *decimal.Decimal `json:"max_slippage_bps,omitempty"`
	ParticipationCap *decimal.Decimal `json:"participation_cap,omitempty"`
	EndsAt           time.Time        `json:"ends_at,omitzero"`
	// Version is that of the order the change was thought out on: ErrChanged if it is another one by now. 0: no matter.
	Version uint64 `json:"-"`
}

// Amend changes an order. It is sent once: of a lost answer nobody knows whether the change was made, so look at the order.
func (c *Client) Amend(ctx context.Context, tokenID string, a Amendment) (Order, error) {
	var o Order
	p := api.AmendOrderParams{}
	if a.Version > 0 {
		p.IfMatch = given(strconv.Quote(strconv.FormatUint(a.Version, 10)))
	}
	err := c.do(ctx, call{body: a, build: func(server string) (*http.Request, error) {
		return api.NewAmendOrderRequestWithBody(server, tokenID, &p, "application/json", http.NoBody)
	}}, &o)
	if errors.Is(err, ErrPending) {
		return c.Order(ctx, tokenID)
	}
	return o, err
}
