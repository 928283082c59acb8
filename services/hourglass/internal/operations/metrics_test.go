package operations

import (
	"flag"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const metricsPage = "../../../../docs/metrics.md"

func TestTheDocumentedMetricsAreThoseOfTheRegistries(t *testing.T) {
	want := MetricsPage()
	if *update {
		if err := os.WriteFile(metricsPage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/metrics.md is not what the registries say; run this test with -update and look at the difference")
	}
}

func TestMetricsAreNamedAndExplained(t *testing.T) {
	form := regexp.MustCompile(`^hourglass_(auditor|collector|executor|gateway)_[a-z_]+$`)
	for _, s := range Services() {
		for _, m := range s.Metrics {
			if !form.MatchString(m.Name) || !strings.HasPrefix(m.Name, "hourglass_"+s.Name) {
				t.Errorf("%s: not hourglass_%s_word_word", m.Name, s.Name)
			}
			if (m.Type == "counter") != strings.HasSuffix(m.Name, "_total") {
				t.Errorf("%s: a counter's name ends in _total, no other's does", m.Name)
			}
			if m.Type == "histogram" && !strings.HasSuffix(m.Name, "_seconds") {
				t.Errorf("%s: a histogram's name ends in _seconds", m.Name)
			}
			if !strings.HasSuffix(m.Help, ".") {
				t.Errorf("%s: the help is a sentence, not %q", m.Name, m.Help)
			}
			for _, label := range m.Labels {
				if slices.Contains([]string{"account", "order", "symbol", "user", "token"}, label) {
					t.Errorf("%s: the values of %s are without end", m.Name, label)
				}
			}
		}
	}
}

func TestPartsOfHistogramsAreNamed(t *testing.T) {
	for name, want := range map[string]bool{
		"hourglass_executor_slice_lateness_seconds_bucket": true,
		"hourglass_executor_slice_lateness_seconds":        true,
		"hourglass_executor_events_total":                  true,
		"hourglass_executor_events_total_bucket":           false,
		"hourglass_executor_event":                         false,
	} {
		if Named(name) != want {
			t.Errorf("%s: named is %v", name, !want)
		}
	}
}

func TestDashboardsAndAlertsNameMetricsThatExist(t *testing.T) {
	name := regexp.MustCompile(`hourglass_[a-z_]+`)
	seen := map[string]bool{}
	root := os.DirFS("../../../../deploy/observability")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		for _, m := range name.FindAllString(string(text), -1) {
			if seen[m] = true; !Named(m) {
				t.Errorf("%s: no service has the metric %s", path, m)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 30 {
		t.Errorf("only %d metrics are looked at", len(seen))
	}
}
