package tidy

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// self is this package's folder, which must be able to name what it forbids.
const self = "pkg/tidy"

// subjects are how the subjects of the bus begin.
var subjects = []string{"md.", "evt.", "cmd.", "usr."}

// Subjects checks that nobody but pkg/bus spells a subject. Tests may: they say what goes over the wire.
func Subjects(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Test || within(f.Dir(), "pkg/bus") || within(f.Dir(), self) {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err == nil && slices.ContainsFunc(subjects, func(s string) bool { return strings.HasPrefix(text, s) }) {
				faults = append(faults, f.fault(lit, "spells the subject %q: pkg/bus builds them", text))
			}
			return true
		})
	}
	return faults
}

// Sleeps checks that nothing sleeps: a sleep cannot be stopped, and in a test it is a guess. Under testing/synctest time
// is a fake, so a test that imports it may.
func Sleeps(r *Repo) []Fault {
	var faults []Fault
	for _, f := range r.Files {
		if f.Test && f.imports("testing/synctest") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if pkg, name := f.called(call.Fun); pkg == "time" && name == "Sleep" {
					faults = append(faults, f.fault(call, "time.Sleep: wait for a channel and the context, or test under synctest"))
				}
			}
			return true
		})
	}
	return faults
}

// misplaced are parts of paths that exist on one machine only.
var misplaced = []string{"/work/", "/root/", "/home/"}

// leftovers are notes to oneself; with an owner in brackets they are notes to somebody.
var leftovers = []string{"TODO", "FIXME", "XXX"}

// Words checks the text of all files for what does not belong in them.
func Words(r *Repo) []Fault {
	var faults []Fault
	for _, name := range slices.Sorted(maps.Keys(r.Texts)) {
		if within(name, self) {
			continue
		}
		number := 0
		for line := range strings.Lines(r.Texts[name]) {
			number++
			for _, word := range slices.Concat(misplaced, leftovers) {
				at := strings.Index(line, word)
				if at < 0 || slices.Contains(leftovers, word) && owned(line, at, len(word)) {
					continue
				}
				faults = append(faults, Fault{Path: name, Line: number, Text: "the word " + word + " has no place here"})
			}
		}
	}
	return faults
}

// owned reports whether the leftover at line[at:] is part of a longer word or names its owner.
func owned(line string, at, size int) bool {
	letter := func(i int) bool {
		return i >= 0 && i < len(line) && (line[i]|0x20 >= 'a' && line[i]|0x20 <= 'z' || line[i] >= '0' && line[i] <= '9' || line[i] == '_')
	}
	rest := line[at+size:]
	named := strings.HasPrefix(rest, "(") && strings.Index(rest, ")") > 1
	return named || letter(at-1) || letter(at+size)
}
