package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// encode writes a value as one line of JSON.
func (app *App) encode(v any) error {
	enc := json.NewEncoder(app.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func (app *App) printf(format string, args ...any) error {
	return write(app.out, fmt.Sprintf(format, args...))
}

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// note tells a person something beside the answer, which a script does not read.
func (app *App) note(format string, args ...any) {
	if !app.json() {
		fmt.Fprintf(app.err, format+"\n", args...)
	}
}

// The colours, by what they mean.
const (
	good = "32" // buys, rises, what works
	bad  = "31"
	dim  = "2"
	bold = "1"
	warn = "33"
)

// paint colours a text where colours are wanted.
func (app *App) paint(style, text string) string {
	if !app.color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// cell is one field of a table.
type cell struct {
	text  string
	style string
	right bool // numbers stand under each other
}

func text(v any) cell               { return cell{text: fmt.Sprint(v)} }
func number(v any) cell             { return cell{text: fmt.Sprint(v), right: true} }
func (c cell) in(style string) cell { c.style = style; return c }

// table writes rows under a head, each column as wide as it needs to be.
func (app *App) table(head []string, rows [][]cell) error {
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(head))
	for i, name := range head {
		widths[i] = utf8.RuneCountInString(name)
	}
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	top := make([]cell, len(head))
	for i, name := range head {
		top[i] = cell{text: strings.ToUpper(name), style: dim, right: rows[0][i].right}
	}
	for _, row := range append([][]cell{top}, rows...) {
		line := ""
		for i, c := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text))
			painted := app.paint(c.style, c.text)
			if c.right {
				line += gap + painted + "  "
			} else {
				line += painted + gap + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return write(app.out, b.String())
}

// pairs writes names and values below each other.
func (app *App) pairs(list ...cell) error {
	width := 0
	for i := 0; i < len(list); i += 2 {
		width = max(width, utf8.RuneCountInString(list[i].text))
	}
	var b strings.Builder
	for i := 0; i+1 < len(list); i += 2 {
		if list[i+1].text == "" {
			continue
		}
		gap := strings.Repeat(" ", width-utf8.RuneCountInString(list[i].text))
		b.WriteString(app.paint(dim, list[i].text) + gap + "  " + app.paint(list[i+1].style, list[i+1].text) + "\n")
	}
	return write(app.out, b.String())
}

// maybe is a number that may not be known.
func maybe(d *decimal.Decimal) string {
	if d == nil {
		return "–"
	}
	return d.String()
}

// rounded shows a number with so many places; what is exact is in the JSON.
func rounded(d *decimal.Decimal, places int) string {
	if d == nil {
		return "–"
	}
	return fixed(*d, places)
}

func fixed(d decimal.Decimal, places int) string {
	r, err := d.Round(places, decimal.HalfEven)
	if err != nil {
		return d.String()
	}
	s := r.String()
	whole, fraction, _ := strings.Cut(s, ".")
	if places == 0 {
		return whole
	}
	return whole + "." + fraction + strings.Repeat("0", places-len(fraction))
}

// clock shows a time of day in the reader's zone; the date too where it is another day.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.Local()
	if now := time.Now(); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
