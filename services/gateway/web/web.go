// Package web holds the dashboard as it was built: the files under dist, which `make web` makes out of src.
//
// Without Node nothing is built; then the file system has no index.html, and the gateway says how to build it. The file
// system is read-only and may be used by many at once. Serving it, and with which headers, is not its business.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS returns the built files, index.html at the top.
func FS() fs.FS {
	built, err := fs.Sub(dist, "dist")
	if err != nil { // the name is a constant and valid
		panic(err)
	}
	return built
}
