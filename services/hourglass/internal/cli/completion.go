package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Examples:

    source <(hourglass completion bash)
    hourglass completion zsh >"${fpath[1]}/_hourglass"
    hourglass completion fish >~/.config/fish/completions/hourglass.fish`
}

// The scripts ask the program itself what may come next, so they know the commands of whatever version is installed.
var scripts = map[string]string{
	"bash": `_hourglass() {
  mapfile -t COMPREPLY < <(hourglass __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _hourglass hourglass
`,
	"zsh": `#compdef hourglass
_hourglass() {
  local -a found
  found=(${(f)"$(hourglass __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -- $found
}
if [ "$funcstack[1]" = "_hourglass" ]; then _hourglass; else compdef _hourglass hourglass; fi
`,
	"fish": `complete -c hourglass -f -a '(hourglass __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

// Run prints a script.
func (c *completionCmd) Run(app *App) error { return write(app.out, scripts[c.Shell]) }

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Print prints what may stand for the last of the words, one a line.
func (c *completeCmd) Print(app *App, root *kong.Application) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	found := candidates(root.Node, words)
	if len(found) == 0 {
		return nil
	}
	return app.printf("%s\n", strings.Join(found, "\n"))
}

// candidates returns what may stand for the last word, given those before it.
func candidates(node *kong.Node, words []string) []string {
	last := ""
	if n := len(words); n > 0 {
		last, words = words[n-1], words[:n-1]
	}
	var values []string // of the flag just before
	args := 0
	for _, word := range words {
		values = nil
		if name, isFlag := strings.CutPrefix(word, "-"); isFlag {
			values = flagValues(node, strings.TrimPrefix(name, "-"))
			continue
		}
		if next := child(node, word); next != nil {
			node = next
			continue
		}
		args++
	}
	var found []string
	switch {
	case values != nil:
		found = values
	case strings.HasPrefix(last, "-"):
		for _, group := range node.AllFlags(true) {
			for _, f := range group {
				found = append(found, "--"+f.Name)
			}
		}
	case len(node.Children) > 0:
		for _, c := range node.Children {
			if !c.Hidden {
				found = append(found, c.Name)
			}
		}
	case args < len(node.Positional):
		found = node.Positional[args].EnumSlice()
	}
	found = slices.DeleteFunc(found, func(s string) bool { return s == "" || !strings.HasPrefix(s, last) })
	slices.Sort(found)
	return slices.Compact(found)
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// flagValues returns the values a flag may have, where they are few.
func flagValues(node *kong.Node, name string) []string {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			if (f.Name == name || f.Short != 0 && string(f.Short) == name) && f.Enum != "" {
				return f.EnumSlice()
			}
		}
	}
	return nil
}
