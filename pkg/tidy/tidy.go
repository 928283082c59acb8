// Package tidy holds the rules of the house, as tests over the whole repository: who may import whom, which packages are
// pure, where goroutines start, how long a file and a function may be, what each module must say, and which words have no
// place here. Each rule also has a sample that breaks it, so that a rule which has gone blind turns red.
//
// Rules are pure functions of a Repo; a Repo is not changed once loaded. The package judges text and syntax only: what
// needs types, or is common to all Go projects, is the linter's (.golangci.yml). It tolerates modules that are not there.
package tidy

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// house is the path that all our modules begin with.
const house = "github.com/hourglass-trading/hourglass/"

// Repo is what the rules look at.
type Repo struct {
	Files []*File           // Go files outside testdata, sorted by path
	Texts map[string]string // every text file by path, Go files included
}

// File is one parsed Go file.
type File struct {
	Path      string // from the repository's root, with slashes
	Lines     int
	Test      bool
	Generated bool
	AST       *ast.File
	fset      *token.FileSet
	names     map[string]string // local name → import path
}

// Dir is the folder of the file's package.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Fault is one place that breaks a rule.
type Fault struct {
	Path string
	Line int
	Text string
}

// String is the fault as editors understand it.
func (f Fault) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text) }

// fault is a fault at a node of f.
func (f *File) fault(at ast.Node, format string, args ...any) Fault {
	return Fault{Path: f.Path, Line: f.fset.Position(at.Pos()).Line, Text: fmt.Sprintf(format, args...)}
}

// called returns the import path and the name that e selects from an imported package ("time", "Now"), or nothing.
func (f *File) called(e ast.Expr) (pkg, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || f.names[id.Name] == "" {
		return "", ""
	}
	return f.names[id.Name], sel.Sel.Name
}

// imports reports whether f imports p, by whatever name.
func (f *File) imports(p string) bool {
	return slices.ContainsFunc(f.AST.Imports, func(spec *ast.ImportSpec) bool { return importPath(spec) == p })
}

// skipped are folders that hold nothing of ours to judge.
var skipped = []string{".git", "bin", "node_modules", "data", "secrets", "dist"}

// texts are the endings and names of files that the rules read as text.
var texts = []string{".go", ".md", ".yml", ".yaml", ".conf", ".sh", ".ts", ".svelte", ".mod", ".work", "Makefile", "Dockerfile", "run"}

// Load reads the repository at root.
func Load(root string) (*Repo, error) {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("read the repository: %w", err)
	}
	defer tree.Close()
	contents := map[string]string{}
	err = fs.WalkDir(tree.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !slices.ContainsFunc(texts, func(end string) bool { return strings.HasSuffix(name, end) }):
			return nil
		}
		content, err := tree.ReadFile(name)
		contents[name] = string(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the repository: %w", err)
	}
	return parse(contents)
}

// Root finds the repository's root: the nearest folder from dir upwards that holds go.work.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find go.work: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find go.work: %w", fs.ErrNotExist)
		}
		dir = parent
	}
}

// parse builds a Repo from file contents by path.
func parse(contents map[string]string) (*Repo, error) {
	r := &Repo{Texts: contents}
	for name, content := range contents {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		r.Files = append(r.Files, &File{
			Path: name, Lines: bytes.Count([]byte(content), []byte("\n")), Test: strings.HasSuffix(name, "_test.go"),
			Generated: ast.IsGenerated(tree), AST: tree, fset: fset, names: importNames(tree),
		})
	}
	slices.SortFunc(r.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return r, nil
}

func importNames(tree *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range tree.Imports {
		p := importPath(spec)
		name := path.Base(p)
		if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(p)) // math/rand/v2 is rand
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser lets none through
	}
	return p
}

// within reports whether the file or folder p lies in zone or is it.
func within(p, zone string) bool { return p == zone || strings.HasPrefix(p, zone+"/") }

// withinAny reports whether p lies in one of the zones.
func withinAny(p string, zones []string) bool {
	return slices.ContainsFunc(zones, func(zone string) bool { return within(p, zone) })
}
