package bus

import "strings"

// Settings reads the environment of a process and tells all its faults together: daemon.Lookup.
type Settings interface {
	URLs(key string, def []string, schemes ...string) []string
	String(key, def string) string
	Int(key string, def, least, most int) int
}

// ConfigOf reads how the process of the given identity (Collector, …) reaches the bus:
//
//	HOURGLASS_NATS            nats:// or tls:// addresses of the servers, with commas between; nats://127.0.0.1:4222
//	HOURGLASS_NATS_SEED_FILE  holds its key, where the server has accounts; none
//	HOURGLASS_REPLICAS        copies of each stream, 1…5; 1
func ConfigOf(s Settings, identity string) Config {
	return Config{
		URL:  strings.Join(s.URLs("HOURGLASS_NATS", []string{"nats://127.0.0.1:4222"}, "nats", "tls"), ","),
		Name: identity, SeedFile: s.String("HOURGLASS_NATS_SEED_FILE", ""), Replicas: s.Int("HOURGLASS_REPLICAS", 1, 1, 5),
	}
}
