// Command admin does what only the admin of a platform in containers may do. It has no part in any order.
//
//	admin keys DIR     makes the keys to the bus that are not there yet, and the server's table of permissions, then ends
//	admin secrets DIR  the same as secrets of Kubernetes, by way of the empty folder DIR, from inside a pod that may write them
//	admin streams      makes the streams and buckets on a running server, then ends
//	admin auditor      checks the events as they are stored, for as long as it runs
//
// All but the last are done before the services start; doing them again changes nothing.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
)

// errNoKey says why nothing can be done as the admin.
var errNoKey = errors.New("the admin's key is needed")

func main() { daemon.Main(run) }

func run(ctx context.Context, env daemon.Env) error {
	verb := ""
	if len(env.Args) > 0 {
		verb = env.Args[0]
	}
	switch {
	case verb == "keys" && len(env.Args) == 2:
		return bus.MakeKeys(env.Args[1])
	case verb == "secrets" && len(env.Args) == 2:
		return makeSecrets(ctx, env)
	case verb == "streams" && len(env.Args) == 1:
		return makeStreams(ctx, env)
	case verb == "auditor" && len(env.Args) == 1:
		return runAuditor(ctx, env)
	}
	return fmt.Errorf("%w: arguments %q, not one of: keys DIR, secrets DIR, streams, auditor", daemon.ErrConfig, env.Args)
}

func makeSecrets(ctx context.Context, env daemon.Env) error {
	c, err := insideCluster(env.Getenv, serviceAccount)
	if err != nil {
		return err
	}
	return c.keepKeys(ctx, env.Args[1])
}

func makeStreams(ctx context.Context, env daemon.Env) error {
	l := daemon.NewLookup(env.Getenv)
	cfg := busConfig(l)
	if err := l.Err(); err != nil {
		return err
	}
	conn, err := bus.Connect(ctx, cfg, env.Log)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Prepare(ctx)
}

func runAuditor(ctx context.Context, env daemon.Env) error {
	l := daemon.NewLookup(env.Getenv)
	cfg := busConfig(l)
	opt := audit.ServiceOptions{
		NATS: cfg.URL, Seed: cfg.SeedFile, Listen: l.Addr("HOURGLASS_HEALTH_LISTEN", daemon.DefaultHealthListen),
	}
	if err := l.Err(); err != nil {
		return err
	}
	return audit.Serve(ctx, opt, env.Log)
}

// busConfig is how the admin reaches the bus, by the variables that every service reads.
func busConfig(l *daemon.Lookup) bus.Config {
	cfg := bus.ConfigOf(l, bus.Admin)
	if cfg.SeedFile == "" {
		l.Fault("HOURGLASS_NATS_SEED_FILE", errNoKey)
	}
	return cfg
}
