// Package chaos holds the tests that kill, freeze and cut off the services while orders run, and then check from outside that
// nothing acknowledged is lost and nothing happened twice. See `make chaos` and `make powercut`.
package chaos
