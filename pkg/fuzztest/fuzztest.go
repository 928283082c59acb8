// Package fuzztest keeps what fuzzing found interesting in one file a target, and gives it back to the target as seeds.
//
// The file is testdata/TARGET.corpus: a line an input, its arguments as in Go's own corpus files, parted by tabs. Every
// ordinary test run plays it. Targets take byte slices, booleans and bytes, nothing else.
package fuzztest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dirEnv names the cache of a package's fuzzing, from which its files are to be brought up to date.
const dirEnv = "HOURGLASS_KEEP_CORPUS"

// Seed adds the inputs kept for the target. With HOURGLASS_KEEP_CORPUS=DIR it first keeps those in DIR/TARGET too, as
// `go test -fuzz` leaves them in its cache.
func Seed(f *testing.F) {
	f.Helper()
	file := filepath.Join("testdata", f.Name()+".corpus")
	if dir := os.Getenv(dirEnv); dir != "" {
		if err := keep(file, filepath.Join(dir, f.Name())); err != nil {
			f.Fatal(err)
		}
	}
	lines, err := read(file)
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range lines {
		args, err := parse(line)
		if err != nil {
			f.Fatalf("%s: %v", file, err)
		}
		f.Add(args...)
	}
}

func read(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read corpus: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}

// keep brings the file up to date: its own lines and the inputs of the folder, sorted, each once. A folder that is not there
// has none.
func keep(file, dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(found) == 0 {
		return err
	}
	var lines []string
	if _, err := os.Stat(file); err == nil {
		if lines, err = read(file); err != nil {
			return err
		}
	}
	for _, one := range found {
		text, err := os.ReadFile(one)
		if err != nil {
			return fmt.Errorf("read input: %w", err)
		}
		_, args, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), "\n") // behind the line of the version
		line := strings.ReplaceAll(args, "\n", "\t")
		if _, err := parse(line); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
		lines = append(lines, line)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("keep corpus: %w", err)
	}
	slices.Sort(lines)
	if err := os.WriteFile(file, []byte(strings.Join(slices.Compact(lines), "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep corpus: %w", err)
	}
	return nil
}

func parse(line string) ([]any, error) {
	var args []any
	for arg := range strings.SplitSeq(line, "\t") {
		kind, value, ok := strings.Cut(strings.TrimSuffix(arg, ")"), "(")
		if !ok {
			return nil, fmt.Errorf("no argument: %.40q", arg)
		}
		var read any
		var err error
		switch kind {
		case "[]byte":
			var text string
			text, err = strconv.Unquote(value)
			read = []byte(text)
		case "bool":
			read, err = strconv.ParseBool(value)
		case "byte":
			read, err = parseByte(value)
		default:
			err = fmt.Errorf("%w: %.40q", strconv.ErrSyntax, kind)
		}
		if err != nil {
			return nil, fmt.Errorf("argument %.40q: %w", arg, err)
		}
		args = append(args, read)
	}
	return args, nil
}

// parseByte reads a byte as Go writes it: as the character of its number.
func parseByte(quoted string) (byte, error) {
	text, begun := strings.CutPrefix(quoted, "'")
	char, _, rest, err := strconv.UnquoteChar(text, '\'')
	if err != nil || !begun || rest != "'" || char > 0xff {
		return 0, strconv.ErrSyntax
	}
	return byte(char), nil
}
