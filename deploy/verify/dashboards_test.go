package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestDashboardsCanBeRead(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(observability, "grafana", "dashboards", "*.json"))
	if err != nil || len(names) < 3 {
		t.Fatalf("%d dashboards: %v", len(names), err)
	}
	read := parser.NewParser(parser.Options{})
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard struct {
			UID    string `json:"uid"`
			Title  string `json:"title"`
			Panels []struct {
				Title      string `json:"title"`
				Datasource struct {
					UID string `json:"uid"`
				} `json:"datasource"`
				Targets []struct {
					Expr string `json:"expr"`
				} `json:"targets"`
			} `json:"panels"`
		}
		if err := json.Unmarshal(text, &dashboard); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if dashboard.UID+".json" != filepath.Base(name) || dashboard.Title == "" || len(dashboard.Panels) == 0 {
			t.Errorf("%s: uid %q, title %q, %d panels", name, dashboard.UID, dashboard.Title, len(dashboard.Panels))
		}
		for _, p := range dashboard.Panels {
			if p.Datasource.UID != "prometheus" || len(p.Targets) == 0 {
				t.Errorf("%s: %s asks nobody for anything", name, p.Title)
			}
			for _, target := range p.Targets {
				if _, err := read.ParseExpr(target.Expr); err != nil {
					t.Errorf("%s: %s: %s: %v", name, p.Title, target.Expr, err)
				}
			}
		}
	}
}

func TestAlertsSayWhatToDo(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(runbook), -1) {
		anchors["docs/operations.md#"+strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")] = true
	}
	for _, r := range alerts(t) {
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" {
			t.Errorf("%s: no summary", r.Alert)
		}
		if !anchors[r.Annotations["runbook"]] {
			t.Errorf("%s: the runbook has no %s", r.Alert, r.Annotations["runbook"])
		}
	}
}
