package bus

import "github.com/hourglass-trading/hourglass/pkg/order"

// The questions that an executor answers about an account. It answers from what it knows, at once, and changes nothing.
const (
	AskPreview = "preview" // PreviewRequest → order.Preview
	AskReport  = "report"  // ReportRequest → order.Execution
)

// ExecutorSubject is where a question about an account or an order is asked. Every executor hears it; the one that works the
// account answers. Where none does right now, those that are there answer with a Failure of kind Unavailable.
func ExecutorSubject(question string) string { return "executor." + token(question) }

// PreviewRequest asks what would come of an order. Exactly one of TWAP and Plain is set. The answer is a Failure with the
// rejection's kind, code and fields where the order would be refused.
type PreviewRequest struct {
	Account order.AccountID `json:"account"`
	TWAP    *order.Params   `json:"twap,omitempty"`
	Plain   *order.Plain    `json:"plain,omitempty"`
}

// ReportRequest asks for the report of an order in full, as it stands.
type ReportRequest struct {
	Account order.AccountID `json:"account"`
	OrderID order.ID        `json:"order_id"`
}
