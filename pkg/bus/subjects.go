// Package bus is the contract between the services, and the only place where it is written: the subjects, the messages,
// the streams and buckets, and how a process connects.
//
// Market data travels as plain messages of which the newest wins: a slow reader loses old ones, never their order. What
// must not be lost (users' commands, accounts' events) is kept in streams; see EventLog and CommandLog. Payloads are JSON
// with a content-type header and reach clients as they are. A request that fails is answered by a Failure, which keeps
// the kind, the code and the text of what went wrong and loses everything else.
//
// A Conn is safe for concurrent use. The package holds no state of the platform and decides nothing.
package bus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Wildcards that cover all subjects of a kind.
const (
	AllMarket   = "md.>"
	AllBooks    = "md.book.>"
	AllTouches  = "md.touch.>"
	AllTrades   = "md.trade.>"
	AllKlines   = "md.kline.>"
	AllStatus   = "md.status.*"
	AllEvents   = "evt.*.*"
	AllCommands = "cmd.*.*"

	AllExecutorKeys = executorPrefix + "*" // in the bucket of leases
)

// BookSubject carries a market.Book: at most every 100 ms, at once on a change of state, and each second while it is live.
func BookSubject(e market.Exchange, s market.Symbol) string { return marketSubject("book", e, s) }

// TouchSubject carries a market.Touch on each change.
func TouchSubject(e market.Exchange, s market.Symbol) string { return marketSubject("touch", e, s) }

// TradeSubject carries each market.Trade.
func TradeSubject(e market.Exchange, s market.Symbol) string { return marketSubject("trade", e, s) }

// KlineSubject carries a Kline each second while it is open, and once when it is complete.
func KlineSubject(e market.Exchange, s market.Symbol, i Interval) string {
	return marketSubject("kline", e, s) + "." + i.String()
}

// StatusSubject carries a Status each second and on each change.
func StatusSubject(e market.Exchange) string { return "md.status." + token(string(e)) }

func marketSubject(kind string, e market.Exchange, s market.Symbol) string {
	return "md." + kind + "." + token(string(e)) + "." + token(string(s))
}

// ParseMarket takes a subject of md.book, md.touch or md.trade apart, and checks its tokens.
func ParseMarket(subject string) (market.Exchange, market.Symbol, error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || parts[0] != "md" {
		return "", "", fmt.Errorf("subject %.80q is not of market data", subject)
	}
	e, err := market.ParseExchange(parts[2])
	if err != nil {
		return "", "", err
	}
	s, err := market.ParseSymbol(parts[3])
	return e, s, err
}

// The questions that a collector answers for its exchange.
const (
	AskPairs  = "pairs"  // PairsRequest → PairsReply
	AskKlines = "klines" // KlinesRequest → KlinesReply
	AskBook   = "book"   // BookRequest → market.Book
)

// CollectorSubject is where a question about an exchange is asked.
func CollectorSubject(e market.Exchange, question string) string {
	return "collector." + token(string(e)) + "." + token(question)
}

// EventSubject holds an account's events; a stream keeps them.
func EventSubject(a order.AccountID) string { return "evt." + partition(a) + "." + token(string(a)) }

// CommandSubject holds the commands to an account; a stream keeps them for a day.
func CommandSubject(a order.AccountID) string { return "cmd." + partition(a) + "." + token(string(a)) }

// UserSubject is where an account's events are repeated for gateways and for its owner.
func UserSubject(a order.AccountID) string { return "usr." + token(string(a)) }

// RevokedSubject says to every gateway that a user's tokens are void.
func RevokedSubject(a order.AccountID) string { return "auth.revoked." + token(string(a)) }

// InterestKey is the key of a wish for a book in the interest bucket.
func InterestKey(e market.Exchange, s market.Symbol) string {
	return token(string(e)) + "." + token(string(s))
}

// ParseInterestKey takes an interest key apart.
func ParseInterestKey(key string) (market.Exchange, market.Symbol, error) {
	exchange, symbol, _ := strings.Cut(key, ".")
	e, err := market.ParseExchange(exchange)
	if err != nil {
		return "", "", err
	}
	s, err := market.ParseSymbol(symbol)
	return e, s, err
}

// partitionSubjects covers the accounts of some partitions by one subject each, those of all by one.
func partitionSubjects(kind string, partitions []int) []string {
	if len(partitions) == order.Partitions {
		return []string{kind + ".*.*"}
	}
	subjects := make([]string, len(partitions))
	for i, p := range partitions {
		subjects[i] = kind + "." + PartitionKey(p) + ".*"
	}
	return subjects
}

// PartitionKey is the key of a partition's lease, and its token in subjects: 00…63.
func PartitionKey(p int) string { return fmt.Sprintf("%02d", p) }

// ParsePartitionKey reads a partition's key.
func ParsePartitionKey(key string) (int, error) {
	p, err := strconv.Atoi(key)
	if err != nil || p < 0 || p >= order.Partitions || PartitionKey(p) != key {
		return 0, fmt.Errorf("key %.40q is not that of a partition", key)
	}
	return p, nil
}

// ExecutorKey is the key, in the bucket of leases, by which an executor gives signs of life.
func ExecutorKey(id string) string { return executorPrefix + token(id) }

// ParseExecutorKey takes an executor's key apart.
func ParseExecutorKey(key string) (id string, ok bool) { return strings.CutPrefix(key, executorPrefix) }

const executorPrefix = "executor."

func partition(a order.AccountID) string { return PartitionKey(a.Partition()) }

// token guards against a name that would change the meaning of a subject. The types are checked where they are parsed, so
// an unsafe token here is a fault of the program, and such a subject must not reach the server: it would end the connection.
func token(s string) string {
	if s == "" || len(s) > 40 {
		panic(fmt.Sprintf("bus: unsafe subject token %.50q", s))
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			panic(fmt.Sprintf("bus: unsafe subject token %.50q", s))
		}
	}
	return s
}
