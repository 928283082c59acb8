// Command probe is the health check of a container whose own program has none: it asks an address and ends with 0 if the
// answer is 200, else with 1 and the reason.
//
//	probe http://127.0.0.1:8222/healthz
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

// within bounds the wait for an answer, below the limit of the health check.
const within = 3 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: probe URL")
		os.Exit(2)
	}
	if err := probe(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil) //nolint:gosec // the address is the point, and the image says it
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req) //nolint:gosec // likewise
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
