// Command page serves page.html and passes the rest on to a gateway, so that the page and the interface are of one origin,
// as they would be behind a web server:
//
//	go run ./examples/page/page.go
package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"
)

//go:embed page.html
var page []byte

func main() {
	if err := run(cmp.Or(os.Getenv("HOURGLASS_URL"), "http://127.0.0.1:8000"), cmp.Or(os.Getenv("PAGE_LISTEN"), "127.0.0.1:8080")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(gateway, listen string) error {
	target, err := url.Parse(gateway)
	if err != nil {
		return fmt.Errorf("HOURGLASS_URL: %w", err)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("ready http://%s\n", ln.Addr())
	mux := http.NewServeMux()
	mux.Handle("/v1/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the gateway takes a WebSocket from the page's own origin alone
	}})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "page.html", time.Time{}, bytes.NewReader(page))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(ln)
}
