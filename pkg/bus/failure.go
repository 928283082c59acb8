package bus

import (
	"errors"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The kinds of failures, for errors.Is.
var (
	ErrInvalid     = errors.New("invalid request")
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict")
	ErrUnavailable = errors.New("unavailable")
)

// Failure is the answer to a request that could not be served. It is an error of the kind that its Kind names.
type Failure struct {
	Kind   order.RejectionKind `json:"kind"`
	Code   string              `json:"code"`   // a stable snake_case word
	Detail string              `json:"detail"` // for people: what is wrong and what to do
	Errors []order.FieldError  `json:"errors,omitempty"`
}

// Error implements error.
func (f *Failure) Error() string { return f.Detail }

// Is makes a Failure match the sentinel of its kind.
func (f *Failure) Is(target error) bool {
	switch f.Kind {
	case order.Invalid:
		return target == ErrInvalid
	case order.NotFound:
		return target == ErrNotFound
	case order.Conflict, order.Changed:
		return target == ErrConflict
	case order.Unavailable:
		return target == ErrUnavailable
	}
	return false
}
