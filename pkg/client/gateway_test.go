package client_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/coder/websocket"
)

// gatewayURL is where the examples' gateway listens: one market, one user, one order, always the same.
var gatewayURL string

func TestMain(m *testing.M) {
	s := httptest.NewServer(exampleGateway())
	gatewayURL = s.URL
	code := m.Run()
	s.Close()
	os.Exit(code)
}

const exampleOrder = `{"token_id":"accumulate","id":"o1","type":"twap","symbol":"BTC-USDT","exchanges":["binance","kraken"],"side":"buy",
	"status":%q,"quantity":"0.5","filled_quantity":%q,"average_price":%s,"version":1,"market":"sim"}`

func exampleGateway() http.Handler {
	says := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, format, args...) }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/login", says(tokens))
	mux.HandleFunc("GET /v1/orderbook/all/BTC-USDT", says(`{"exchange":"all","symbol":"BTC-USDT","state":"live",
		"bids":[["64000.10","0.25",{"kraken":"0.25"}]],"asks":[["64000.30","1.5",{"binance":"1","kraken":"0.5"}]]}`))
	mux.HandleFunc("POST /v1/orders/twap/preview", says(`{"schedule":[{"k":1,"quantity":"0.25"},{"k":2,"quantity":"0.25"}],
		"expected":{"slippage_bps":"1.25","cost":"36.00"},"reservation":{"asset":"USDT","amount":"32975.1"}}`))
	mux.HandleFunc("POST /v1/orders/twap", says(exampleOrder, "active", "0", "null"))
	mux.HandleFunc("POST /v1/orders", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprint(w, `{"status":409,"code":"insufficient_funds","detail":"320001.5 USDT are needed, 1000 are available"}`)
	})
	mux.HandleFunc("GET /v1/orders/accumulate", says(exampleOrder, "filled", "0.5", `"64000.4"`))
	mux.HandleFunc("/v1/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		say := func(format string, args ...any) {
			_ = conn.Write(r.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...))
		}
		say(`{"type":"hello","status":"ok"}`)
		_, _, _ = conn.Read(r.Context())
		say(`{"type":"ack","id":1,"from_seq":1}`)
		fill := `{"exchange":%q,"price":%q,"quantity":"0.25"}`
		event := `{"type":"orders","stream":"orders","event":"slice_arrived","token_id":"accumulate","seq":%d,"order":` + exampleOrder + `,"fills":[` + fill + `]}`
		say(event, 2, "active", "0.25", `"64000.3"`, "binance", "64000.3")
		say(event, 3, "filled", "0.5", `"64000.4"`, "kraken", "64000.5")
		_, _, _ = conn.Read(r.Context())
	})
	return mux
}
