package collector

import (
	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func notFound(code, detail string) error {
	return &bus.Failure{Kind: order.NotFound, Code: code, Detail: detail}
}

func unavailable(detail string) error {
	return &bus.Failure{Kind: order.Unavailable, Code: "unavailable", Detail: detail}
}

func invalid(field, detail string) error {
	return &bus.Failure{
		Kind: order.Invalid, Code: "invalid_" + field, Detail: field + ": " + detail,
		Errors: []order.FieldError{{Field: field, Detail: detail}},
	}
}
