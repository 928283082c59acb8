package tidy

import (
	"go/ast"
	"slices"
)

// starters are the only files that may start a goroutine; each waits for those it starts. Whoever adds one says here what
// runs in it. An entry whose file starts none any more is a fault.
var starters = map[string]string{
	"pkg/daemon/daemon.go": "the watch over signals",
	"pkg/daemon/group.go":  "the parts of a process",
	"pkg/daemon/health.go": "an HTTP server that ends with its context",

	"services/gateway/internal/stream/hub.go":     "a connection once it is taken over; cutting off those that do not answer the closing frame",
	"services/gateway/internal/stream/session.go": "a connection's writer, and its pings",
	"services/gateway/internal/view/catalog.go":   "questions to several collectors side by side",

	"pkg/bus/serve.go":   "an answer to a question",
	"pkg/client/link.go": "a stream's reader",

	"services/collector/internal/feed/conn.go":  "a connection's reader and its pings",
	"services/collector/internal/feed/feed.go":  "a shard of an exchange's listings",
	"services/collector/internal/feed/track.go": "a snapshot on its way",

	"services/executor/alarm_linux.go": "the end of the wait for an alarm",

	"services/hourglass/internal/audit/store.go": "the reader of a stream that may fall silent",

	"services/hourglass/internal/cli/access.go": "a prompt that gives way to the end of the command",
	"services/hourglass/internal/cli/follow.go": "a stream of events while the screen is drawn",

	"services/simulator/internal/wire/session.go": "a client's reader and its pings",
	"services/simulator/simulator.go":             "the HTTP server and the market's clock",
}

// Goroutines checks that goroutines start in the listed files only. Tests may start them where they like: they are run
// under the race detector and goleak.
func Goroutines(r *Repo) []Fault { return goroutines(r, starters) }

func goroutines(r *Repo, allowed map[string]string) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Test || f.Generated {
			continue
		}
		starts := startsIn(f)
		_, listed := allowed[f.Path]
		if !listed {
			for _, n := range starts {
				faults = append(faults, f.fault(n, "a goroutine starts in a file that is not listed in pkg/tidy"))
			}
		} else if len(starts) == 0 {
			faults = append(faults, f.fault(f.AST.Name, "listed in pkg/tidy as starting goroutines, but starts none"))
		}
	}
	return faults
}

// startsIn finds go statements and their disguises: AfterFunc, and the Go method of a WaitGroup or an errgroup, known by
// its one argument (a daemon.Group's takes two).
func startsIn(f *File) []ast.Node {
	var starts []ast.Node
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			starts = append(starts, n)
		case *ast.CallExpr:
			pkg, name := f.called(n.Fun)
			sel, method := n.Fun.(*ast.SelectorExpr)
			disguised := name == "AfterFunc" && slices.Contains([]string{"time", "context"}, pkg)
			if disguised || method && pkg == "" && sel.Sel.Name == "Go" && len(n.Args) == 1 {
				starts = append(starts, n)
			}
		}
		return true
	})
	return starts
}
