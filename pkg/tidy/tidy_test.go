package tidy

import (
	"fmt"
	"strings"
	"testing"
)

var rules = map[string]func(*Repo) []Fault{
	"imports":    Imports,
	"purity":     Purity,
	"floats":     Floats,
	"goroutines": Goroutines,
	"sizes":      Sizes,
	"docs":       Docs,
	"names":      Names,
	"modules":    Modules,
	"subjects":   Subjects,
	"sleeps":     Sleeps,
	"words":      Words,
}

func TestRepositoryKeepsTheRules(t *testing.T) {
	root, err := Root(".")
	if err != nil {
		t.Fatal(err)
	}
	repo, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(repo.Files) < 10 || repo.Texts["go.work"] == "" {
		t.Fatalf("only %d Go files found in %s", len(repo.Files), root)
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, fault := range rule(repo) {
				t.Error(fault)
			}
		})
	}
}

// goFile is a file with a package comment, an import and a body.
func goFile(pkg, imported, body string) string {
	text := fmt.Sprintf("// Package %s is a sample.\npackage %s\n", pkg, pkg)
	if imported != "" {
		text += fmt.Sprintf("import %q\n", imported)
	}
	return text + body
}

func TestEveryRuleCanFail(t *testing.T) {
	for name, samples := range broken {
		for title, sample := range samples {
			t.Run(name+"/"+title, func(t *testing.T) {
				if faults := judge(t, name, sample.files); len(faults) != 1 || !strings.HasPrefix(faults[0].String(), sample.want) {
					t.Errorf("faults %v, want one that begins with %q", faults, sample.want)
				}
			})
		}
	}
	for name := range rules {
		if len(broken[name]) == 0 {
			t.Errorf("no sample breaks the rule %s", name)
		}
	}
}

func TestRulesLetGoodCodePass(t *testing.T) {
	for name, samples := range sound {
		for title, files := range samples {
			t.Run(name+"/"+title, func(t *testing.T) {
				if faults := judge(t, name, files); len(faults) != 0 {
					t.Errorf("faults %v", faults)
				}
			})
		}
	}
}

func judge(t *testing.T, rule string, files map[string]string) []Fault {
	t.Helper()
	repo, err := parse(files)
	if err != nil {
		t.Fatal(err)
	}
	return rules[rule](repo)
}
