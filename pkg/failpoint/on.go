//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// plan is what HOURGLASS_FAILPOINT asks for: name:passing:signal, where the signal is kill or stop.
type plan struct {
	name   string
	signal syscall.Signal
	left   atomic.Int64 // passings until it happens
}

// asked is read once. A plan that cannot be read is a fault of the test, which must not go by unseen.
var asked = sync.OnceValue(func() *plan {
	text := os.Getenv("HOURGLASS_FAILPOINT")
	if text == "" {
		return nil
	}
	part := strings.Split(text, ":")
	signals := map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP}
	if len(part) == 3 {
		if n, err := strconv.ParseInt(part[1], 10, 64); err == nil && signals[part[2]] != 0 {
			p := &plan{name: part[0], signal: signals[part[2]]}
			p.left.Store(n)
			return p
		}
	}
	panic(fmt.Sprintf("HOURGLASS_FAILPOINT is %q, not name:passing:kill or name:passing:stop", text))
})

// At kills or freezes this process if the place is the one that was asked for, at the passing that was asked for.
func At(name string) {
	if p := asked(); p != nil && p.name == name && p.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), p.signal) // it cannot fail on oneself
	}
}
