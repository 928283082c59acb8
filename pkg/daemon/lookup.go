package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrConfig is wrapped by every fault of the configuration, so that Main can tell it from a failure at work.
var ErrConfig = errors.New("configuration")

// Lookup reads a configuration from the environment and collects all faults, so that they are told together and mended
// in one go. An empty variable is an unset one. Each reader returns its default where it reports a fault.
type Lookup struct {
	getenv func(string) string
	faults []error
}

// NewLookup reads through getenv: os.Getenv in a process, a map in a test.
func NewLookup(getenv func(string) string) *Lookup { return &Lookup{getenv: getenv} }

// Err returns all faults found so far, joined, or nil.
func (l *Lookup) Err() error { return errors.Join(l.faults...) }

// Fault adds a fault of key that only the caller could find. Neither err nor the key's value may hold a secret.
func (l *Lookup) Fault(key string, err error) {
	l.faults = append(l.faults, fmt.Errorf("%w: %s: %w", ErrConfig, key, err))
}

// String returns the value of key without surrounding spaces.
func (l *Lookup) String(key, def string) string {
	if v := strings.TrimSpace(l.getenv(key)); v != "" {
		return v
	}
	return def
}

// OneOf returns the value of key, which must be one of the allowed words.
func (l *Lookup) OneOf(key, def string, allowed ...string) string {
	return read(l, key, def, func(v string) (string, error) {
		if !slices.Contains(allowed, v) {
			return "", fmt.Errorf("%q is none of %s", v, strings.Join(allowed, ", "))
		}
		return v, nil
	})
}

// Int returns the value of key, a whole number from least to most.
func (l *Lookup) Int(key string, def, least, most int) int {
	return read(l, key, def, func(v string) (int, error) {
		n, err := strconv.Atoi(v)
		if err != nil {
			return 0, fmt.Errorf("%q is not a whole number", v)
		}
		if n < least || n > most {
			return 0, fmt.Errorf("%d is not within %d…%d", n, least, most)
		}
		return n, nil
	})
}

// Duration returns the value of key, a duration with its unit ("1m30s") from least to most.
func (l *Lookup) Duration(key string, def, least, most time.Duration) time.Duration {
	return read(l, key, def, func(v string) (time.Duration, error) {
		d, err := time.ParseDuration(v)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 1m30s", v)
		}
		if d < least || d > most {
			return 0, fmt.Errorf("%s is not within %s…%s", d, least, most)
		}
		return d, nil
	})
}

// Bool returns the value of key: true or false, 1 or 0.
func (l *Lookup) Bool(key string, def bool) bool {
	return read(l, key, def, func(v string) (bool, error) {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return false, fmt.Errorf("%q is neither true nor false", v)
		}
		return b, nil
	})
}

// List returns the values of key, which stand between commas; empty ones are dropped, the order is kept.
func (l *Lookup) List(key string, def ...string) []string {
	return read(l, key, def, func(v string) ([]string, error) {
		var list []string
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		return list, nil
	})
}

// Addr returns the value of key, an address host:port; the host may be empty or a name, the port is a number.
func (l *Lookup) Addr(key, def string) string {
	return read(l, key, def, func(v string) (string, error) {
		_, port, err := net.SplitHostPort(v)
		if err != nil {
			return "", fmt.Errorf("%q is not host:port", v)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", fmt.Errorf("%q is not a port", port)
		}
		return v, nil
	})
}

// URL returns the value of key, an absolute address with one of the given schemes, without a slash at its end. The value
// is left out of a fault, because an address may carry a password.
func (l *Lookup) URL(key, def string, schemes ...string) string {
	return read(l, key, def, func(v string) (string, error) { return address(v, schemes) })
}

// URLs is URL for several addresses, which stand between commas.
func (l *Lookup) URLs(key string, def []string, schemes ...string) []string {
	return read(l, key, def, func(v string) ([]string, error) {
		var list []string
		for item := range strings.SplitSeq(v, ",") {
			one, err := address(strings.TrimSpace(item), schemes)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, nil
	})
}

func address(v string, schemes []string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return "", fmt.Errorf("not an address of the form %s://host", strings.Join(schemes, "|"))
	}
	return strings.TrimRight(v, "/"), nil
}

func read[T any](l *Lookup, key string, def T, parse func(string) (T, error)) T {
	v := l.String(key, "")
	if v == "" {
		return def
	}
	parsed, err := parse(v)
	if err != nil {
		l.Fault(key, err)
		return def
	}
	return parsed
}
