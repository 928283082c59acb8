// Package sharedtest finds the recordings which the tests use and the project does not contain. Safe for concurrent use; it
// copies nothing.
package sharedtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dir is the folder of the recordings; the test is skipped where there is none.
func Dir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HOURGLASS_SHARED")
	if dir == "" {
		at, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; ; at = filepath.Dir(at) {
			if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
				dir = filepath.Join(at, "..", "shared")
				break
			}
			if at == filepath.Dir(at) {
				t.Skip("no go.work above the test, so no folder of recordings either")
			}
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the recordings are not here: %v", err)
	}
	return dir
}

// Only returns a folder that holds just these files of the recordings, as links.
func Only(t *testing.T, files ...string) string {
	t.Helper()
	from, to := Dir(t), t.TempDir()
	for _, f := range files {
		abs, err := filepath.Abs(filepath.Join(from, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(abs, filepath.Join(to, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// Want is what a recording's book must look like at its end.
type Want struct {
	Bids   [][2]string `json:"bids"`
	Asks   [][2]string `json:"asks"`
	SHA256 string      `json:"full_book_sha256"`
	Depth  int         `json:"subscribed_depth"`
	LastID int64       `json:"final_id"`
	Book   int         `json:"book_messages"`
	Trades struct {
		Count int    `json:"count"`
		Buy   string `json:"taker_buy_volume"`
		Sell  string `json:"taker_sell_volume"`
	} `json:"trades"`
	Candles []Candle `json:"candles_1m_from_trades"`
}

// Candle is an expected candle.
type Candle struct {
	OpenTime int64  `json:"open_time"`
	Open     string `json:"open"`
	High     string `json:"high"`
	Low      string `json:"low"`
	Close    string `json:"close"`
	Volume   string `json:"volume"`
}

// Expected reads what is known of a recording, by symbol.
func Expected(t *testing.T, file string) map[string]Want {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Dir(t), filepath.Dir(file), "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Captures []struct {
			File    string          `json:"file"`
			Symbols map[string]Want `json:"symbols"`
		} `json:"captures"`
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Captures {
		if c.File == filepath.Base(file) {
			return c.Symbols
		}
	}
	t.Fatalf("%s is not in expected.json", file)
	return nil
}

// Hash is the fingerprint of a book, best levels first, as the recordings' own figures define it.
func Hash(bids, asks [][2]string) string {
	spell := func(side [][2]string) string {
		parts := make([]string, len(side))
		for i, l := range side {
			parts[i] = plain(l[0]) + ":" + plain(l[1])
		}
		return strings.Join(parts, "|")
	}
	sum := sha256.Sum256([]byte(spell(bids) + "#" + spell(asks)))
	return hex.EncodeToString(sum[:])
}

func plain(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
