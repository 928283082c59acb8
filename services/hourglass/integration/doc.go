// Package integration tests the built program as its users run it: a process of its own, its REST interface, its files,
// and a kill in the middle. It holds nothing else. The tests are skipped by -short.
package integration
