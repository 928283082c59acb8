package tidy

import "strings"

type sample struct {
	files map[string]string
	want  string // how the one fault begins
}

// one is a sample of a single file.
func one(path, content, want string) sample {
	return sample{files: map[string]string{path: content}, want: want}
}

// mod is a module beside a go.work that lists it.
func mod(text, want string) sample {
	return sample{files: map[string]string{
		"go.work":                   "go 1.26.0\n\nuse (\n\t./services/collector\n)\n",
		"services/collector/go.mod": text,
	}, want: want}
}

const (
	book    = "services/collector/internal/book/book.go"
	gateway = "services/gateway/gateway.go"
)

// broken holds, for each rule, code that breaks it in exactly one place.
var broken = map[string]map[string]sample{
	"imports": {
		"upwards":                 one("pkg/market/a.go", goFile("market", house+"pkg/order", ""), "pkg/market/a.go:3: "),
		"a service from another":  one(gateway, goFile("gateway", house+"services/collector", ""), gateway+":3: "),
		"the client of the bus":   one("pkg/client/a.go", goFile("client", house+"pkg/bus", ""), "pkg/client/a.go:3: "),
		"the client of NATS":      one("pkg/client/a.go", goFile("client", "github.com/nats-io/nats.go", ""), "pkg/client/a.go:3: "),
		"NATS beside bus":         one("pkg/daemon/a.go", goFile("daemon", "github.com/nats-io/nats.go/jetstream", ""), "pkg/daemon/a.go:3: "),
		"Echo beside the gateway": one("services/executor/a.go", goFile("executor", "github.com/labstack/echo/v4", ""), "services/executor/a.go:3: "),
		"a second socket":         one("services/collector/a.go", goFile("collector", "net/http", ""), "services/collector/a.go:3: "),
		"containers in pkg tests": one("pkg/bus/a_test.go", goFile("bus", "github.com/testcontainers/testcontainers-go", ""), "pkg/bus/a_test.go:3: "),
		"a library in pure code":  one("pkg/decimal/a.go", goFile("decimal", "github.com/cockroachdb/apd/v3", ""), "pkg/decimal/a.go:3: "),
		"the all-in-one":          one("services/collector/a.go", goFile("collector", house+"services/hourglass", ""), "services/collector/a.go:3: "),
		"pure code of the bus":    one(book, goFile("book", house+"pkg/bus", ""), book+":3: "),
		"help for tests":          one("services/collector/a.go", goFile("collector", house+"services/collector/internal/exchange/exchangetest", ""), "services/collector/a.go:3: "),
		"a package nobody knows":  one("pkg/cache/a.go", goFile("cache", "", ""), "pkg/cache/a.go:2: "),
	},
	"purity": {
		"the clock":           one(book, goFile("book", "time", "var at = time.Now()"), book+":4: "),
		"a timer":             one(book, goFile("book", "time", "var c = time.After(1)"), book+":4: "),
		"a hidden seed":       one(book, goFile("book", "math/rand/v2", "var n = rand.IntN(6)"), book+":4: "),
		"the old chance":      one(book, goFile("book", "math/rand", ""), book+":3: "),
		"a lock":              one(book, goFile("book", "sync/atomic", ""), book+":3: "),
		"a log":               one(book, goFile("book", "log/slog", ""), book+":3: "),
		"a file":              one("pkg/market/a.go", goFile("market", "os", ""), "pkg/market/a.go:3: "),
		"a context":           one("services/executor/internal/twap/a.go", goFile("twap", "context", ""), "services/executor/internal/twap/a.go:3: "),
		"a goroutine":         one(book, goFile("book", "", "func f() { go f() }"), book+":3: "),
		"below an exchange's": one("services/collector/internal/exchange/kraken/a.go", goFile("kraken", "net/http", ""), "services/collector/internal/exchange/kraken/a.go:3: "),
	},
	"floats": {
		"a type":   one("pkg/order/a.go", goFile("order", "", "var price float64"), "pkg/order/a.go:3: "),
		"parsed":   one("pkg/bus/a.go", goFile("bus", "strconv", "var f, _ = strconv.ParseFloat(`1`, 64)"), "pkg/bus/a.go:4: "),
		"constant": one("services/executor/internal/ledger/a.go", goFile("ledger", "", "const fee = 0.1"), "services/executor/internal/ledger/a.go:3: "),
	},
	"goroutines": {
		"a go statement": one(gateway, goFile("gateway", "", "func f() { go f() }"), gateway+":3: "),
		"a wait group":   one(gateway, goFile("gateway", "sync", "func f(w *sync.WaitGroup) { w.Go(func() {}) }"), gateway+":4: "),
		"a timer's":      one(gateway, goFile("gateway", "time", "func f() { time.AfterFunc(1, f) }"), gateway+":4: "),
		"a stale entry":  one("pkg/daemon/group.go", goFile("daemon", "", "func f() {}"), "pkg/daemon/group.go:2: "),
	},
	"sizes": {
		"a file":        one("pkg/bus/a_test.go", goFile("bus", "", strings.Repeat("\n", maxFile)), "pkg/bus/a_test.go:2: "),
		"a function":    one("pkg/bus/a.go", goFile("bus", "", "func f() {"+strings.Repeat("\n", maxFunc)+"}"), "pkg/bus/a.go:3: "),
		"a closure":     one("pkg/bus/a.go", goFile("bus", "", "var f = func() {"+strings.Repeat("\n", maxFunc)+"}"), "pkg/bus/a.go:3: "),
		"a method's":    one("pkg/bus/a.go", goFile("bus", "", "type t int\nfunc (t) f() {"+strings.Repeat("\n", maxFunc)+"}"), "pkg/bus/a.go:4: "),
		"one line over": one("pkg/bus/a.go", goFile("bus", "", strings.Repeat("\n", maxFile-1)), "pkg/bus/a.go:2: "),
	},
	"docs": {
		"none":          one("pkg/bus/a.go", "package bus\n", "pkg/bus/a.go:1: "),
		"none in tests": one("services/hourglass/integration/a_test.go", "package integration\n", "services/hourglass/integration/a_test.go:1: "),
		"only in a test": {files: map[string]string{
			"pkg/bus/a.go": "package bus\n", "pkg/bus/a_test.go": goFile("bus", "", ""),
		}, want: "pkg/bus/a.go:1: "},
		"two": {files: map[string]string{
			"pkg/bus/a.go": goFile("bus", "", ""), "pkg/bus/b.go": goFile("bus", "", ""),
		}, want: "pkg/bus/b.go:2: "},
	},
	"names": {
		"an empty word": one("pkg/bus/a.go", goFile("util", "", ""), "pkg/bus/a.go:2: "),
		"init":          one("pkg/bus/a.go", goFile("bus", "", "func init() {}"), "pkg/bus/a.go:3: "),
	},
	"modules": {
		"another Go":       mod("module a\ngo 1.25.0\n", "services/collector/go.mod:1: does not say"),
		"no replace":       mod("module a\ngo 1.26.0\nrequire "+house+"pkg v0.0.0\n", "services/collector/go.mod:1: lacks"),
		"the wrong folder": mod("module a\ngo 1.26.0\nrequire "+house+"pkg v0.0.0\nreplace "+house+"pkg => ../pkg\n", "services/collector/go.mod:1: lacks"),
		"a real version":   mod("module a\ngo 1.26.0\nrequire "+house+"pkg v1.0.0\nreplace "+house+"pkg => ../../pkg\n", "services/collector/go.mod:1: requires"),
		"not in go.work":   one("go.work", "go 1.25.0\n", "go.work:1: does not say"),
		"forgotten": {files: map[string]string{
			"go.work": "go 1.26.0\n", "pkg/client/go.mod": "module a\ngo 1.26.0\n",
		}, want: "pkg/client/go.mod:1: is not in go.work"},
	},
	"subjects": {
		"formatted": one(gateway, goFile("gateway", "fmt", "var s = fmt.Sprintf(`md.book.%s`, `a`)"), gateway+":4: "),
		"spelled":   one(gateway, goFile("gateway", "", `const s = "evt.5.>"`), gateway+":3: "),
	},
	"sleeps": {
		"in a test":      one("pkg/bus/a_test.go", goFile("bus", "time", "func f() { time.Sleep(1) }"), "pkg/bus/a_test.go:4: "),
		"in a service":   one(gateway, goFile("gateway", "time", "func f() { time.Sleep(1) }"), gateway+":4: "),
		"by a new name":  one("pkg/bus/a_test.go", "// Package a is a sample.\npackage a\nimport t \"time\"\nfunc f() { t.Sleep(1) }", "pkg/bus/a_test.go:4: "),
		"fake but built": one(gateway, "// Package a is a sample.\npackage a\nimport (\"time\"; _ \"testing/synctest\")\nfunc f() { time.Sleep(1) }", gateway+":4: "),
	},
	"words": {
		"a leftover":     one("pkg/bus/a.go", goFile("bus", "", "// TODO: later\n"), "pkg/bus/a.go:3: "),
		"without a name": one("README.md", "FIXME() this\n", "README.md:1: "),
		"a machine path": one("Makefile", "all:\n\tcd /home/ann/hourglass\n", "Makefile:2: "),
	},
}

// sound holds code near the border that the rules must let pass.
var sound = map[string]map[string]map[string]string{
	"imports": {
		"downwards":        {"pkg/order/a.go": goFile("order", house+"pkg/market", "")},
		"its own inside":   {gateway: goFile("gateway", house+"services/gateway/internal/rest", "")},
		"test libraries":   {"pkg/decimal/a_test.go": goFile("decimal", "pgregory.net/rapid", "")},
		"the one socket":   {"services/collector/internal/feed/a.go": goFile("feed", "net/http", "")},
		"the all-in-one":   {"services/hourglass/cmd/a.go": goFile("main", house+"services/collector", "")},
		"an adapter":       {"services/collector/internal/exchange/kraken/a.go": goFile("kraken", house+"services/collector/internal/book", "")},
		"help from a test": {"services/collector/internal/exchange/kraken/a_test.go": goFile("kraken", house+"services/collector/internal/exchange/exchangetest", "")},
	},
	"purity": {
		"time handed in":  {book: goFile("book", "time", "func f(at time.Time) time.Time { return at.Add(time.Second) }")},
		"a given seed":    {book: goFile("book", "math/rand/v2", "func f(s uint64) *rand.Rand { return rand.New(rand.NewPCG(s, 0)) }")},
		"outside":         {gateway: goFile("gateway", "os", "func f() { go f() }")},
		"an escaped path": {book: goFile("book", "net/url", "")},
	},
	"floats": {
		"a whole number": {"pkg/decimal/a.go": goFile("decimal", "", "const billion uint64 = 1e9")},
		"elsewhere":      {gateway: goFile("gateway", "", "const alpha = 0.1")},
	},
	"goroutines": {
		"a group's part": {gateway: goFile("gateway", "", "func f(g interface{ Go(string, func()) }) { g.Go(`a`, func() {}) }")},
		"a test":         {"services/gateway/a_test.go": goFile("gateway", "", "func f() { go f() }")},
	},
	"sizes": {
		"at the limit": {"pkg/bus/a.go": goFile("bus", "", "func f() {"+strings.Repeat("\n", maxFunc-1)+"}"+strings.Repeat("\n", maxFile-maxFunc-1))},
		"generated":    {"pkg/client/a.go": "// Code generated by oapi-codegen. DO NOT EDIT.\n\npackage client\n" + strings.Repeat("\n", maxFile)},
		"a long test":  {"pkg/bus/a_test.go": goFile("bus", "", "func f() {"+strings.Repeat("\n", maxFunc)+"}")},
	},
	"docs": {
		"one of two":    {"pkg/bus/a.go": goFile("bus", "", ""), "pkg/bus/b.go": "package bus\n"},
		"only of tests": {"services/hourglass/integration/a_test.go": goFile("integration", "", "")},
	},
	"modules": {
		"a block": {
			"go.work":                   "go 1.26.0\nuse ./services/collector\n",
			"services/collector/go.mod": "module a\ngo 1.26.0\nrequire (\n\t" + house + "pkg v0.0.0 // the words\n)\nreplace (\n\t" + house + "pkg => ../../pkg\n)\n",
		},
	},
	"subjects": {
		"the contract": {"pkg/bus/subjects.go": goFile("bus", "", `const s = "md.book."`)},
		"a test":       {"services/gateway/a_test.go": goFile("gateway", "", `const s = "md.book.a.b"`)},
	},
	"sleeps": {"under synctest": {"pkg/bus/a_test.go": "// Package a is a sample.\npackage a\nimport (\"time\"; _ \"testing/synctest\")\nfunc f() { time.Sleep(1) }"}},
	"words":  {"an owner": {"README.md": "TODO(ann): later\n"}, "a longer word": {"README.md": "XXXBTZUSD\n"}},
}
