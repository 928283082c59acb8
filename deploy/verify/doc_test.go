// Package verify checks what is written for those who run the platform: that each alert fires where its fault is, that the
// dashboards can be read, and that Kubernetes would take what the overlays render. It reads files and evaluates them in
// memory, needs no network and no engine, and is a module of its own, so that no service's requirements grow by it.
package verify
