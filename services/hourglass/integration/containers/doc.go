// Package containers holds the tests of the platform in containers: the scan of a compose project that runs, and the images
// of this build in a network of the tests' own, where containers are killed, restarted and cut off in the middle of orders.
// They need a container engine and say so where there is none. Nothing here runs at the same time as another test of the
// package: an engine on a small machine has enough with one platform.
package containers
