package fuzztest

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestWhatIsKeptIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "FuzzIt.corpus")
	inputs := filepath.Join(dir, "cache", "FuzzIt")
	if err := os.MkdirAll(inputs, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(inputs, name), []byte("go test fuzz v1\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "[]byte(\"a\\n\\t)\\xff\")\nbool(true)\nbyte('\\x10')")
	put("b", "[]byte(\"\")\nbool(false)\nbyte('\\'')")
	for range 2 { // the second finds nothing new
		if err := keep(file, inputs); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]any
	for _, line := range lines {
		args, err := parse(line)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, args)
	}
	want := [][]any{{[]byte(""), false, byte('\'')}, {[]byte("a\n\t)\xff"), true, byte(0x10)}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAnotherKindOfArgumentIsRefused(t *testing.T) {
	for _, line := range []string{"", "string(\"a\")", "[]byte(a)", "byte('ab", "bool(perhaps)"} {
		if args, err := parse(line); err == nil {
			t.Errorf("%q: %v", line, args)
		}
	}
}
