package collector

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// service is what answers questions about the exchange.
func (d *desk) service() bus.Service {
	return bus.Service{
		Name:        "collector-" + string(d.endpoint.Exchange),
		Description: "pairs, candles and books of " + string(d.endpoint.Exchange),
		Subject:     func(question string) string { return bus.CollectorSubject(d.endpoint.Exchange, question) },
		Answers: map[string]func(context.Context, []byte) (any, error){
			bus.AskPairs:  func(context.Context, []byte) (any, error) { return d.catalog.pairs() },
			bus.AskKlines: d.answerKlines,
			bus.AskBook:   d.answerBook,
		},
	}
}

func (d *desk) answerKlines(ctx context.Context, request []byte) (any, error) {
	var req bus.KlinesRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, invalid("request", err.Error())
	}
	if _, err := market.ParseSymbol(string(req.Symbol)); err != nil {
		return nil, invalid("symbol", err.Error())
	}
	return d.klines.answer(ctx, req)
}

func (d *desk) answerBook(_ context.Context, request []byte) (any, error) {
	var req bus.BookRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, invalid("request", err.Error())
	}
	if payload, ok := d.publisher.Book(req.Symbol); ok {
		return json.RawMessage(payload), nil
	}
	if _, err := d.catalog.lookUp(req.Symbol); err != nil {
		return nil, err
	}
	return nil, unavailable(fmt.Sprintf("%s is not collected from %s; wish for it first", req.Symbol, d.endpoint.Exchange))
}
