package web

import (
	"io/fs"
	"testing"
)

func TestFSCanBeListedWhetherOrNotThePageIsBuilt(t *testing.T) {
	if _, err := fs.ReadDir(FS(), "."); err != nil {
		t.Fatal(err)
	}
}
