package tidy

import (
	"path"
	"slices"
	"strings"
)

// row says what the packages of a zone may import from the house, besides their own zone. The longest zone that holds a
// package is its row. An entry "x/..." means x and all below it.
type row struct {
	zone string
	may  []string
	std  bool // nothing from outside the house but the standard library
}

// words are the packages all services share and that know no bus.
var words = []string{"pkg/decimal", "pkg/market", "pkg/order"}

// arrows is the table "who may import whom".
var arrows = slices.Concat([]row{
	{zone: "pkg/decimal", std: true},
	{zone: "pkg/market", may: words[:1], std: true},
	{zone: "pkg/order", may: slices.Concat(words[:2], []string{"pkg/compact"}), std: true},
	{zone: "pkg/compact", std: true},
	{zone: "pkg/bus", may: slices.Concat(words, []string{"pkg/metrics", "pkg/tracing"})},
	{zone: "pkg/daemon"},
	{zone: "pkg/tracing"},
	{zone: "pkg/metrics"},
	{zone: "pkg/failpoint", std: true},
	{zone: "pkg/fuzztest", std: true},
	{zone: "pkg/client", may: words}, // a user of the SDK gets no bus and no server
	{zone: "pkg/tidy", std: true},
	{zone: ".ci", std: true}, // looks at the platform from outside
	{zone: "deploy/verify"},  // reads files
	{zone: "examples", may: slices.Concat(words, []string{"pkg/client"})},

	{zone: "services/collector/internal/book", may: words, std: true},
	{zone: "services/collector/internal/candle", may: words, std: true},
	{zone: "services/collector/internal/exchange", may: slices.Concat(words, []string{"services/collector/internal/book", "pkg/fuzztest"}), std: true},
	{zone: "services/executor/internal/ledger", may: words, std: true},
	{zone: "services/executor/internal/twap", may: words, std: true},
	{zone: "services/executor/internal/lease", may: words, std: true},
	{zone: "services/executor/internal/account", may: slices.Concat(words, []string{"services/executor/internal/ledger", "services/executor/internal/twap", "services/executor/internal/exampletest", "pkg/compact"}), std: true},
	{zone: "services/executor/internal/backtest", may: slices.Concat(words, []string{"services/executor/internal/account", "services/executor/internal/twap", "services/executor/internal/exampletest"}), std: true},
	{zone: "services/executor/internal/exampletest", may: words, std: true},
	{zone: "services/simulator/internal/market", may: slices.Concat(words, []string{"services/simulator/internal/span"}), std: true},
	{zone: "services/simulator/internal/span", std: true},

	{zone: "services/hourglass", may: slices.Concat(words, []string{
		"services/collector", "services/executor", "services/gateway", "services/gateway/apitest", "services/simulator", "pkg/daemon", "pkg/bus",
		"pkg/client/...", "pkg/metrics", "pkg/tracing", "pkg/failpoint",
	})},
}, service("collector"), service("executor"), service("gateway"), service("simulator"))

// service is the rows of a service: what is inside sees pkg and its own inside, the root sees both, cmd sees the root.
func service(name string) []row {
	root := "services/" + name
	pkg := slices.Concat(words, []string{"pkg/bus/...", "pkg/daemon", "pkg/metrics", "pkg/tracing", "pkg/failpoint"})
	return []row{
		{zone: root, may: pkg},
		{zone: root + "/internal", may: pkg},
		{zone: root + "/cmd", may: []string{root, "pkg/bus", "pkg/daemon"}},
	}
}

// home says that an import belongs to a few zones, and why. Tests are exempt unless tests is set.
type home struct {
	path  string // and all below it
	zones []string
	why   string
	tests bool
}

var homes = []home{
	{path: "github.com/nats-io", zones: []string{"pkg/bus", "services"}, why: "of pkg, bus alone knows NATS"},
	{path: "github.com/nats-io/nats-server", zones: []string{"services/hourglass"}, why: "the server is embedded by the all-in-one alone"},
	{path: "github.com/prometheus", zones: []string{"pkg/metrics", "deploy/verify"}, why: "services count with pkg/metrics"},
	{path: "go.opentelemetry.io", zones: []string{"pkg/tracing"}, why: "services trace with pkg/tracing"},
	{path: "github.com/labstack/echo", zones: []string{"services/gateway"}, why: "the gateway alone speaks HTTP to clients"},
	{path: "github.com/testcontainers", zones: []string{"services/hourglass"}, why: "its 46 requirements stay in one module", tests: true},
	{path: "github.com/coder/websocket", zones: socketZones, why: "the collector's only socket is feed"},
	{path: "net/http", zones: slices.Concat(socketZones, []string{"pkg/daemon", "pkg/metrics"}), why: "the collector's only socket is feed, the executor has none"},
}

var socketZones = []string{".ci", "examples", "pkg/client", "services/gateway", "services/simulator", "services/hourglass", "services/collector/internal/feed"}

// Imports checks every import against the tables.
func Imports(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		row, ok := rowOf(f.Dir())
		if !ok {
			faults = append(faults, f.fault(f.AST.Name, "no row of the table says what %s may import", f.Dir()))
			continue
		}
		for _, spec := range f.AST.Imports {
			if why := refused(f, row, importPath(spec)); why != "" {
				faults = append(faults, f.fault(spec, "%s may not import %s: %s", f.Dir(), importPath(spec), why))
			}
		}
	}
	return faults
}

func rowOf(dir string) (row, bool) {
	var best row
	for _, row := range arrows {
		if within(dir, row.zone) && len(row.zone) > len(best.zone) {
			best = row
		}
	}
	return best, best.zone != ""
}

// refused says why f may not import p, or nothing.
func refused(f *File, row row, p string) string {
	inside, ours := strings.CutPrefix(p, house)
	switch {
	case ours && !f.Test && testHelp(inside) && !testHelp(f.Dir()):
		return "it is help for tests"
	case ours && within(inside, row.zone):
		return ""
	case ours && f.Test && within(inside, "pkg") && !within(f.Dir(), "pkg"):
		return "" // a service's tests may speak of everything in pkg
	case ours && !slices.ContainsFunc(row.may, func(may string) bool { return matches(inside, may) }):
		return "not in the table's row of " + row.zone
	case ours:
		return ""
	case row.std && !f.Test && strings.Contains(strings.Split(p, "/")[0], ".") && !testHelp(f.Dir()):
		return "only the standard library"
	}
	for _, h := range homes {
		if within(p, h.path) && !withinAny(f.Dir(), h.zones) && (h.tests || !f.Test) {
			return h.why
		}
	}
	return ""
}

func matches(p, pattern string) bool {
	if zone, ok := strings.CutSuffix(pattern, "/..."); ok {
		return within(p, zone)
	}
	return p == pattern
}

// testHelp reports whether the package at p holds help for tests (<pkg>test). A backtest is none: it is the engine over
// records.
func testHelp(p string) bool {
	name := path.Base(p)
	return strings.HasSuffix(name, "test") && name != "backtest"
}
