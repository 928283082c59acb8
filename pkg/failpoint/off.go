//go:build !failpoints

package failpoint

// At does nothing in this build.
func At(string) {}
