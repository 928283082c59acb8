package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// errNoReturn is the error of a part whose goroutine ended without returning (runtime.Goexit).
var errNoReturn = errors.New("ended without returning")

// Group runs the parts of a process. The first part to return, with or without an error, stops the rest by cancelling
// the context they all got; so a process never lives on with a part missing.
type Group struct {
	// The context is kept because it is the group's own life, made and ended here, and no caller's.
	ctx    context.Context
	cancel context.CancelFunc
	parts  sync.WaitGroup

	mu  sync.Mutex // guards err
	err error      // the first one
}

// NewGroup returns a group whose parts stop when ctx ends. Wait must be called, also when no part was started.
func NewGroup(ctx context.Context) *Group {
	ctx, cancel := context.WithCancel(ctx)
	return &Group{ctx: ctx, cancel: cancel}
}

// Go starts a part. The part returns soon after its context ends. A panic in it becomes a *PanicError naming it, so that
// the other parts can still publish what they owe. Parts may start parts; after Wait has returned none may be started.
func (g *Group) Go(name string, part func(ctx context.Context) error) {
	g.parts.Go(func() {
		returned := false
		defer func() {
			if v := recover(); v != nil {
				g.end(&PanicError{Part: name, Value: v, Stack: debug.Stack()})
			} else if !returned {
				g.end(fmt.Errorf("%s: %w", name, errNoReturn))
			}
		}()
		err := part(g.ctx)
		returned = true
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		g.end(err)
	})
}

// Wait returns when all parts have, with the first error. A part that returns its context's end once the group was
// stopping has done as told, so that is not an error.
func (g *Group) Wait() error {
	g.parts.Wait()
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

func (g *Group) end(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	told := g.ctx.Err() != nil && errors.Is(err, context.Canceled)
	if g.err == nil && !told {
		g.err = err
	}
	g.cancel()
}

// PanicError is a panic of a part: a broken invariant of ours. The process ends with it.
type PanicError struct {
	Part  string
	Value any
	Stack []byte
}

// Error names the part and the panic's value; the stack is left to whoever logs it.
func (e *PanicError) Error() string { return fmt.Sprintf("%s: panic: %v", e.Part, e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
