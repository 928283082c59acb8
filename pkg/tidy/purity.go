package tidy

import (
	"go/ast"
	"go/constant"
	"go/token"
	"slices"
)

// pure are the zones whose results depend on their arguments alone, so that live trading, tests and backtests agree.
var pure = []string{
	"pkg/compact", "pkg/decimal", "pkg/market", "pkg/order",
	"services/collector/internal/book", "services/collector/internal/candle", "services/collector/internal/exchange",
	"services/executor/internal/twap", "services/executor/internal/ledger", "services/executor/internal/account",
	"services/executor/internal/backtest", "services/executor/internal/lease",
	"services/simulator/internal/market",
	"services/simulator/internal/span",
}

// worldly are the imports that reach outside a pure function, with all below them.
var worldly = []string{"net", "os", "sync", "context", "log", "runtime", "syscall", "unsafe", "crypto/rand", "math/rand", "io/ioutil", "plugin"}

// tolerated are below worldly ones, but harmless: net/url parses text, math/rand/v2 is judged by what is called.
var tolerated = []string{"net/url", "net/netip", "math/rand/v2"}

// impure are calls that read the clock or a chance nobody seeded.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc"},
}

// seeded are the only functions of math/rand/v2 that a pure package may call; the others draw from a hidden seed.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "PCG", "ChaCha8", "Zipf"}

// Purity checks the pure packages, apart from their tests and the help for those.
func Purity(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Test || testHelp(f.Dir()) || !withinAny(f.Dir(), pure) {
			continue
		}
		for _, spec := range f.AST.Imports {
			if p := importPath(spec); withinAny(p, worldly) && !withinAny(p, tolerated) {
				faults = append(faults, f.fault(spec, "a pure package imports %s", p))
			}
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt:
				faults = append(faults, f.fault(n, "a pure package waits for nobody and starts nothing"))
			case *ast.SelectorExpr:
				pkg, name := f.called(n)
				if slices.Contains(impure[pkg], name) || pkg == "math/rand/v2" && !slices.Contains(seeded, name) {
					faults = append(faults, f.fault(n, "a pure package uses %s.%s: time and chance are handed in", pkg, name))
				}
			}
			return true
		})
	}
	return faults
}

// exact are the zones where prices, quantities and money are computed.
var exact = []string{"pkg/decimal", "pkg/market", "pkg/order", "pkg/bus", "services/executor"}

// Floats checks that exact code holds no binary floating point, which cannot hold 0.1.
func Floats(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Test || !withinAny(f.Dir(), exact) {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if slices.Contains([]string{"float64", "float32", "ParseFloat", "FormatFloat", "AppendFloat"}, n.Name) {
					faults = append(faults, f.fault(n, "%s where numbers are exact", n.Name))
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT && constant.ToInt(constant.MakeFromLiteral(n.Value, n.Kind, 0)).Kind() != constant.Int {
					faults = append(faults, f.fault(n, "the literal %s where numbers are exact", n.Value))
				}
			}
			return true
		})
	}
	return faults
}
