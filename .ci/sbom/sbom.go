// Command sbom writes what a Go binary is made of, as CycloneDX 1.6 JSON: the modules with their versions and hashes, as the
// linker noted them in the binary itself, so that the list cannot differ from what was built.
//
//	go run .ci/sbom/sbom.go BINARY VERSION
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type document struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: sbom BINARY VERSION"))
	}
	info, err := buildinfo.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(describe(info, os.Args[2])); err != nil {
		fail(err)
	}
}

// describe lists the modules of a binary; those of the house have the version of the whole.
func describe(info *buildinfo.BuildInfo, version string) document {
	house := strings.TrimSuffix(info.Main.Path, "/services/"+lastOf(info.Main.Path))
	self := debug.Module{Path: info.Main.Path, Version: version}
	d := document{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: metadata{of("application", &self)}}
	language := debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
	d.Components = append(d.Components, of("library", &language))
	for _, m := range info.Deps {
		if strings.HasPrefix(m.Path, house+"/") {
			m = &debug.Module{Path: m.Path, Version: version}
		} else if m.Replace != nil {
			m = m.Replace
		}
		d.Components = append(d.Components, of("library", m))
	}
	return d
}

func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func of(kind string, m *debug.Module) component {
	c := component{Type: kind, Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "sbom:", err)
	os.Exit(1)
}
