package tidy

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	maxFile = 400 // lines
	maxFunc = 70  // lines, of functions outside tests
)

// Sizes checks that files and functions stay readable in one go. Generated ones are not read.
func Sizes(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Generated {
			continue
		}
		if f.Lines > maxFile {
			faults = append(faults, f.fault(f.AST.Name, "%d lines, at most %d", f.Lines, maxFile))
		}
		if f.Test {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				if lines := f.fset.Position(n.End()).Line - f.fset.Position(n.Pos()).Line + 1; lines > maxFunc {
					faults = append(faults, f.fault(n, "a function of %d lines, at most %d", lines, maxFunc))
				}
			}
			return true
		})
	}
	return faults
}

// Docs checks that every package has exactly one package comment. A package of tests alone has it in one of those.
func Docs(r *Repo) []Fault {
	type pkg struct {
		first   *File
		withDoc []*File
		tests   bool
	}
	var order []string
	pkgs := map[string]*pkg{}
	for _, f := range r.Files {
		if f.Generated {
			continue
		}
		p := pkgs[f.Dir()]
		if p == nil || p.tests && !f.Test {
			if p == nil {
				order = append(order, f.Dir())
			}
			p = &pkg{first: f, tests: f.Test}
			pkgs[f.Dir()] = p
		}
		if f.Test == p.tests && f.AST.Doc != nil && f.AST.Doc.Text() != "" {
			p.withDoc = append(p.withDoc, f)
		}
	}
	var faults []Fault
	for _, dir := range order {
		p := pkgs[dir]
		switch {
		case len(p.withDoc) == 0:
			faults = append(faults, p.first.fault(p.first.AST.Name, "no file of %s has a package comment", dir))
		case len(p.withDoc) > 1:
			faults = append(faults, p.withDoc[1].fault(p.withDoc[1].AST.Name, "a second package comment; the first is in %s", p.withDoc[0].Path))
		}
	}
	return faults
}

// empties are package names that say nothing, so that everything ends up in them.
var empties = []string{"util", "utils", "common", "types", "models", "model", "helpers", "helper", "handlers", "base", "misc", "app", "ports", "adapters"}

// Names checks that packages are named for what they are, and that nothing runs before main.
func Names(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if slices.Contains(empties, f.AST.Name.Name) {
			faults = append(faults, f.fault(f.AST.Name, "the package name %s says nothing", f.AST.Name.Name))
		}
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !f.Generated {
				faults = append(faults, f.fault(fn, "an init function: main builds things and hands them over"))
			}
		}
	}
	return faults
}

const goVersion = "1.26.0"

// Modules checks that every module of go.work, and go.work itself, says the one Go version, and that a module which
// requires another one of the house replaces it with the folder beside it; else `go mod tidy` would try to fetch it.
func Modules(r *Repo) []Fault {
	var faults []Fault
	used := directives(r.Texts["go.work"])
	for _, name := range slices.Sorted(maps.Keys(r.Texts)) {
		if base := path.Base(name); base != "go.mod" && base != "go.work" || strings.Contains(name, "testdata/") {
			continue
		}
		say := func(format string, args ...any) {
			faults = append(faults, Fault{Path: name, Line: 1, Text: fmt.Sprintf(format, args...)})
		}
		lines := directives(r.Texts[name])
		if !slices.Contains(lines, "go "+goVersion) {
			say("does not say go %s", goVersion)
		}
		dir := path.Dir(name)
		if dir != "." && !slices.Contains(used, "use ./"+dir) {
			say("is not in go.work")
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if len(words) < 3 || words[0] != "require" || !strings.HasPrefix(words[1], house) {
				continue
			}
			if words[2] != "v0.0.0" {
				say("requires %s %s, not v0.0.0", words[1], words[2])
			}
			folder := strings.Repeat("../", strings.Count(dir, "/")+1) + strings.TrimPrefix(words[1], house)
			if want := "replace " + words[1] + " => " + folder; !slices.Contains(lines, want) {
				say("lacks the line: %s", want)
			}
		}
	}
	return faults
}

// directives returns the lines of a go.mod or go.work with blocks written out and comments dropped.
func directives(text string) []string {
	var lines []string
	block := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case len(words) == 1 && words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0] + " "
		default:
			lines = append(lines, block+strings.Join(words, " "))
		}
	}
	return lines
}
