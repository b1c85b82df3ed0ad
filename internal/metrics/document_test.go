package metrics_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/metrics"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

const document = "../../docs/metrics.md"

// documented returns docs/metrics.md.
func documented() string {
	var text strings.Builder
	text.WriteString("# Metrics\n\n" +
		"What `/metrics` of a controller, of an agent and of an embedded node tells. `go test ./internal/metrics -update` makes this page of the code;\n" +
		"[operations.md](operations.md#prometheus) says how Prometheus gets there. Zeek's own metrics are those of [Zeek's documentation](https://docs.zeek.org/en/master/frameworks/telemetry.html).\n")
	for _, part := range []struct {
		head, about string
		table       []*metrics.Family
	}{
		{"Controller", "Figures of nodes, interfaces, disks and hosts are those of the newest sample of each host; a host without a fresh sample has none.", metrics.ControllerFamilies()},
		{"Agent", "The labels of the target say which instance it is.", metrics.AgentFamilies()},
		{"Embedded node", "", metrics.NodeFamilies()},
		{"Each of them", "", metrics.ProcessFamilies()},
	} {
		fmt.Fprintf(&text, "\n## %s\n", part.head)
		if part.about != "" {
			fmt.Fprintf(&text, "\n%s\n", part.about)
		}
		text.WriteString("\n| Name | Type | Unit | Labels | |\n|---|---|---|---|---|\n")
		for _, f := range part.table {
			labels := "–"
			if len(f.Labels) > 0 {
				labels = "`" + strings.Join(f.Labels, "`, `") + "`"
			}
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Type, cmp.Or(f.Unit, "–"), labels, f.Help)
		}
	}
	return text.String()
}

func TestDocumentIsThatOfTheCode(t *testing.T) {
	want := documented()
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what -update writes: %v", document, err)
	}
}

// Names follow the conventions of Prometheus.
func TestNamesFollowTheConventions(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range allFamilies() {
		switch {
		case seen[f.Name]:
			t.Errorf("%s is there twice", f.Name)
		case !regexp.MustCompile(`^zeekfleet(_[a-z0-9]+)+$`).MatchString(f.Name):
			t.Errorf("%s is no name", f.Name)
		case (f.Type == metrics.Counter) != strings.HasSuffix(f.Name, "_total"):
			t.Errorf("%s is a %s", f.Name, f.Type)
		case f.Unit != "" && !strings.HasSuffix(strings.TrimSuffix(f.Name, "_total"), "_"+f.Unit):
			t.Errorf("%s has the unit %s", f.Name, f.Unit)
		case !strings.HasSuffix(f.Help, "."):
			t.Errorf("%s: %q is no sentence", f.Name, f.Help)
		}
		seen[f.Name] = true
	}
}

func allFamilies() []*metrics.Family {
	return append(append(metrics.ControllerFamilies(), metrics.AgentFamilies()...), metrics.NodeFamilies()...)
}

// What is deployed asks for nothing that nobody tells.
func TestRulesAndDashboardsUseMetricsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, f := range allFamilies() {
		known[f.Name] = true
		if f.Type == metrics.Histogram {
			known[f.Name+"_bucket"], known[f.Name+"_count"], known[f.Name+"_sum"] = true, true, true
		}
	}
	files, err := filepath.Glob("../../deploy/[gp]r*/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	used := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bzeekfleet_[a-z0-9_]+`).FindAllString(string(text), -1) {
			if used++; !known[name] {
				t.Errorf("%s uses %s, which nobody tells", file, name)
			}
		}
	}
	if used < 30 {
		t.Errorf("only %d metrics are used", used)
	}
}

func TestTheDashboardCanBeImported(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/zeekfleet.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID        string
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID != "zeekfleet" || len(board.Templating.List) != 2 || len(board.Panels) < 15 {
		t.Errorf("%s, %v, %d panels", board.UID, board.Templating, len(board.Panels))
	}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
	}
}
