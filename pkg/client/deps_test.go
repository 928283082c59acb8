package client_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Whoever uses the SDK gets these modules and no others into their program: neither NATS nor any of the services.
func TestDependenciesStayFew(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	out, err := list.Output()
	if err != nil {
		t.Skipf("there is no Go here: %v", err)
	}
	got := strings.Fields(string(out))
	slices.Sort(got)
	got = slices.Compact(got)
	want := []string{
		"github.com/apapsch/go-jsonmerge/v2",
		"github.com/coder/websocket",
		"github.com/google/uuid",
		"github.com/hourglass-trading/hourglass/pkg",
		"github.com/hourglass-trading/hourglass/pkg/client",
		"github.com/oapi-codegen/runtime",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the SDK depends on\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
