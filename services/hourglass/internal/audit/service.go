package audit

import (
	"context"
	"log/slog"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
)

// service is what the auditor is called where services are told apart.
const service = "auditor"

// ServiceOptions are the flags of `hourglass auditor`.
type ServiceOptions struct {
	NATS   string `name:"nats" env:"HOURGLASS_NATS" default:"nats://127.0.0.1:4222" placeholder:"URL" help:"The NATS server of the platform (${env})."`
	Seed   string `name:"nats-seed" env:"HOURGLASS_NATS_SEED_FILE" placeholder:"FILE" type:"existingfile" help:"The admin's key to it (${env}), where it asks for one."`
	Listen string `name:"health-listen" env:"HOURGLASS_HEALTH_LISTEN" default:"127.0.0.1:8081" placeholder:"ADDR" help:"Internal address of /readyz, which fails once a promise is broken (${env})."`
}

// Help shows how it is used.
func (ServiceOptions) Help() string {
	return "Example:\n\n    hourglass auditor --nats nats://127.0.0.1:4222"
}

// Serve watches the events of a platform until ctx ends, and tells on an internal listener how they are.
func Serve(ctx context.Context, opt ServiceOptions, log *slog.Logger) error {
	conn, err := bus.Connect(ctx, bus.Config{URL: opt.NATS, Name: bus.Admin, SeedFile: opt.Seed}, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	w := NewWatch(log)
	health := daemon.NewHealth()
	health.Check("promises", w.Healthy)
	reg := metrics.New(service, daemon.Version())
	conn.Measure(reg)
	w.Measure(reg)
	g := daemon.NewGroup(ctx)
	g.Go("health", func(ctx context.Context) error {
		return daemon.ListenAndServe(ctx, opt.Listen, reg.Pages(health.Handler()))
	})
	g.Go("auditor", func(ctx context.Context) error { return w.Run(ctx, conn) })
	return g.Wait()
}

// Measure tells a registry what the watch has found. It is called once.
func (w *Watch) Measure(r *metrics.Registry) {
	for _, m := range []struct {
		name, help string
		read       func(Readings) uint64
	}{
		{"accounts", "Accounts whose events were checked.", func(r Readings) uint64 { return r.Accounts }},
		{"events", "Events checked; all that are stored, from the first on.", func(r Readings) uint64 { return r.Events }},
		{"events_behind", "Events stored and not checked yet, a few seconds ago.", func(r Readings) uint64 { return r.Behind }},
		{"violations", "Promises found broken: events lost or doubled, money that does not add up. It must be 0.", func(r Readings) uint64 { return r.Violations }},
	} {
		r.Readings(metrics.Gauge, m.name, m.help).Add(func() int64 { return int64(m.read(w.Readings())) })
	}
}

// Metrics returns what the auditor tells, for the documentation.
func Metrics() []metrics.Definition {
	r := metrics.New(service, "")
	bus.Measures(r)
	NewWatch(nil).Measure(r)
	return r.Definitions()
}
