package daemon

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
)

// newLog builds the process's logger: JSON for machines, coloured lines for a terminal. HOURGLASS_LOG_FORMAT (json, text)
// overrides the guess, HOURGLASS_LOG_LEVEL (debug, info, warn, error) the level, which is info by default.
func newLog(w io.Writer, terminal bool, getenv func(string) string) (*slog.Logger, error) {
	env := NewLookup(getenv)
	guess := "json"
	if terminal {
		guess = "text"
	}
	format := env.OneOf("HOURGLASS_LOG_FORMAT", guess, "json", "text")
	var level slog.Level
	if err := level.UnmarshalText([]byte(env.String("HOURGLASS_LOG_LEVEL", "info"))); err != nil {
		env.Fault("HOURGLASS_LOG_LEVEL", err)
	}
	if err := env.Err(); err != nil {
		return nil, err
	}
	if format == "text" {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal})), nil
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: utc})), nil
}

// utc writes times in UTC whatever the machine's zone, so that logs of several machines sort as text.
func utc(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// isTerminal says whether a person may be reading f. /dev/null also answers yes, where it does not matter.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
