package main

import (
	"io"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func TestEveryCommandHasAnExample(t *testing.T) {
	var c commands
	parser, err := kong.New(&c, kong.Name("hourglass"), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(*kong.Node)
	walk = func(node *kong.Node) {
		for _, child := range node.Children {
			if child.Hidden {
				continue
			}
			n++
			if !strings.Contains(child.Detail, "Example") || !strings.Contains(child.Detail, "    hourglass ") {
				t.Errorf("%s --help has no example", child.FullPath())
			}
			if child.Help == "" {
				t.Errorf("%s has no help", child.FullPath())
			}
			walk(child)
		}
	}
	walk(parser.Model.Node)
	if n < 20 {
		t.Errorf("%d commands were looked at", n)
	}
}
