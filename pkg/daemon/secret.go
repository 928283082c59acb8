package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// maxSecret bounds a secret file, in bytes. A longer file is surely not the one that was meant.
const maxSecret = 64 << 10

// redacted stands wherever a secret would be printed.
const redacted = "[redacted]"

// Secret holds bytes that must not be printed: every formatting verb, slog and encoding/json show a placeholder.
type Secret struct {
	// A closure, because fmt prints the unexported fields of a surrounding struct without asking for their methods.
	value func() []byte
}

// NewSecret returns a secret of a copy of value.
func NewSecret(value []byte) Secret {
	value = bytes.Clone(value)
	return Secret{value: func() []byte { return value }}
}

// Bytes returns a copy of the secret, nil if there is none.
func (s Secret) Bytes() []byte {
	if s.value == nil {
		return nil
	}
	return bytes.Clone(s.value())
}

// IsZero says that there is no secret.
func (s Secret) IsZero() bool { return len(s.Bytes()) == 0 }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// SecretFile reads a secret from the file whose path stands in <key>_FILE, without the newlines at its end; unset, it is
// no secret and no fault. The environment itself never holds one: it is shown by `docker inspect` and inherited by children.
func (l *Lookup) SecretFile(key string) Secret {
	key += "_FILE"
	return read(l, key, Secret{}, func(path string) (Secret, error) {
		f, err := os.Open(path)
		if err != nil {
			return Secret{}, err
		}
		defer func() { _ = f.Close() }() // nothing was written
		value, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return Secret{}, err
		}
		value = bytes.TrimRight(value, "\r\n")
		switch {
		case len(value) == 0:
			return Secret{}, &fs.PathError{Op: "read secret", Path: path, Err: errors.New("empty")}
		case len(value) > maxSecret:
			return Secret{}, &fs.PathError{Op: "read secret", Path: path, Err: fmt.Errorf("over %d bytes", maxSecret)}
		}
		return NewSecret(value), nil
	})
}
