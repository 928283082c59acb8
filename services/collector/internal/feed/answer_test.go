package feed

import (
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

func TestAnAnswerWithoutANumberFindsItsQuestion(t *testing.T) {
	btc, eth, odd := &exchange.Listing{Wire: "BTC"}, &exchange.Listing{Wire: "ETH"}, &exchange.Listing{Wire: "ODD"}
	requests := []exchange.Request{
		{ID: 1, Listings: []*exchange.Listing{btc, eth}, EachAnswers: true, Book: true, Ends: true},
		{ID: 2, Listings: []*exchange.Listing{btc, eth}, EachAnswers: true, Book: true},
		{ID: 3, Listings: []*exchange.Listing{btc, eth}, EachAnswers: true, Trades: true},
	}
	tests := map[string]struct {
		answer exchange.Answer
		want   uint64
	}{
		"about its book":                {answer: exchange.Answer{Listing: eth, Book: true}, want: 2},
		"about its trades":              {answer: exchange.Answer{Listing: eth}, want: 3},
		"about its end":                 {answer: exchange.Answer{Listing: eth, Book: true, Ends: true}, want: 1},
		"about one not asked for":       {answer: exchange.Answer{Listing: odd, Book: true}},
		"about nobody we know":          {answer: exchange.Answer{Refused: "no", Book: true}},
		"about nobody it names":         {answer: exchange.Answer{Refused: "no", Unnamed: true}}, // there are two subscriptions
		"with a number it is the other": {answer: exchange.Answer{ID: 2, Refused: "no"}, want: 2},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			o := outbox{timeout: time.Second}
			o.add(func(uint64) []exchange.Request { return requests })
			for range requests {
				o.take(time.Unix(0, 0))
			}
			q, about, ok := o.answer(x.answer)
			if ok != (x.want != 0) || ok && q.ID != x.want || ok && x.answer.Listing != nil && !slices.Equal(about, []*exchange.Listing{eth}) {
				t.Errorf("question %+v about %v, want %d", q, about, x.want)
			}
		})
	}
}

func TestARefusalThatNamesNothingIsToTheOnlyOpenSubscription(t *testing.T) {
	btc, eth := &exchange.Listing{Wire: "BTC"}, &exchange.Listing{Wire: "ETH"}
	ends := exchange.Request{ID: 1, Listings: []*exchange.Listing{btc}, EachAnswers: true, Book: true, Ends: true}
	first := exchange.Request{ID: 2, Listings: []*exchange.Listing{btc}, EachAnswers: true, Book: true}
	second := exchange.Request{ID: 3, Listings: []*exchange.Listing{eth}, EachAnswers: true, Book: true}
	tests := map[string]struct {
		open []exchange.Request
		want *exchange.Listing
	}{
		"nothing asked for":       {},
		"one":                     {[]exchange.Request{second}, eth},
		"one, and the end of one": {[]exchange.Request{ends, second}, eth},
		"only an end":             {[]exchange.Request{ends}, nil},
		"two":                     {[]exchange.Request{first, second}, nil},
	}
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			o := outbox{timeout: time.Second}
			o.add(func(uint64) []exchange.Request { return x.open })
			for range x.open {
				o.take(time.Unix(0, 0))
			}
			refusal := exchange.Answer{Refused: "no", Unnamed: true}
			_, about, ok := o.answer(refusal)
			if ok != (x.want != nil) || ok && !slices.Equal(about, []*exchange.Listing{x.want}) {
				t.Errorf("about %v, %t", about, ok)
			}
			if _, _, again := o.answer(refusal); again {
				t.Error("it was open no longer")
			}
		})
	}
}
