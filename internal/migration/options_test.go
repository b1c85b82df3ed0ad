package migration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

const oneHost = "[manager]\ntype=manager\nhost=localhost\n[proxy-1]\ntype=proxy\nhost=localhost\n" +
	"[worker-1]\ntype=worker\nhost=localhost\ninterface=eth0\nlb_method=%s\nlb_procs=2\n"

// values are values of options that differ from the defaults.
var values = map[string]string{
	"ClusterBackend": "Broker", "cluster_backend_zeromq.use_curve_encryption": "0", "LogExpireInterval": "40 day", "MemLimit": "1048576",
	"MinDiskSpace": "20", "PFRINGClusterType": "2-tuple", "Zeek": "/opt/other/bin/zeek", "SitePolicyScripts": "other.zeek", "Prefixes": "site",
	"Env_Vars": "A=1", "ZeekPort": "31000", "MetricsPort": "9300",
}

// Each option of which the table says that it goes somewhere changes what is made. Each option
// that has no equivalent is named.
func TestEveryOptionBecomesWhatTheTableSays(t *testing.T) {
	import1 := func(method, text string) *migration.Result {
		site := zeekctl.Files{
			Node:    zeekctl.File{Name: "node.cfg", Text: fmt.Appendf(nil, oneHost, method)},
			Options: zeekctl.File{Name: "zeekctl.cfg", Text: []byte(text)},
		}
		r, err := migration.FromZeekctl(site, importing)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return r
	}
	for _, o := range zeekctl.Options {
		if o.Name == "ZeekBase" {
			continue // zeekctl is told by its installation
		}
		method := "pf_ring"
		if strings.HasPrefix(o.Name, "lb_custom") {
			method = "custom"
		}
		if o.Name == "PFRINGFirstAppInstance" {
			continue // it matters for cards that PF_RING drives: a shape has them
		}
		value := values[o.Name]
		switch {
		case value != "":
		case o.Kind == zeekctl.Bool:
			value = map[string]string{"1": "0", "0": "1"}[o.Default]
			if o.Fate == zeekctl.Lost {
				value = "1"
			}
		case o.Kind == zeekctl.Int:
			value = "77"
		default:
			value = "/some/thing"
		}
		without, with := import1(method, "# nothing\n"), import1(method, o.Name+" = "+value+"\n")
		said := false
		for _, f := range with.Findings {
			said = said || strings.Contains(f.What, o.Name)
		}
		changed := func(name string) bool { return textOf(without, name) != textOf(with, name) }
		switch o.Fate {
		case zeekctl.ToAgent:
			if !changed("agent.yaml") {
				t.Errorf("%s = %s changes no setting of agents", o.Name, value)
			}
		case zeekctl.ToController:
			if !changed("controller.yaml") {
				t.Errorf("%s = %s changes no setting of the controller", o.Name, value)
			}
		case zeekctl.ToCluster:
			if without.Cluster == with.Cluster && !changed("agent.yaml") {
				t.Errorf("%s = %s changes nothing in the cluster file", o.Name, value)
			}
		case zeekctl.Lost:
			if !said {
				t.Errorf("%s = %s: no finding names it: %v", o.Name, value, with.Findings)
			}
		case zeekctl.Needless:
			if said {
				t.Errorf("%s = %s is not needed, and a finding names it: %v", o.Name, value, with.Findings)
			}
		}
	}
}

func textOf(r *migration.Result, name string) string {
	for _, f := range r.Settings {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

// The daemons take the settings that imports make.
func TestSettingsAreThoseOfTheDaemons(t *testing.T) {
	shapes, err := filepath.Glob("testdata/shapes/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range shapes {
		r, err := readShape(t, file).run()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Settings {
			path := filepath.Join(t.TempDir(), f.Name)
			if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			src := settings.Sources{System: path, Defaults: app.Defaults()}
			if strings.HasPrefix(f.Name, "controller") {
				_, _, err = settings.ResolveController(src)
			} else {
				_, _, err = settings.ResolveAgent(src)
			}
			if err != nil {
				t.Errorf("%s of %s: %v\n%s", f.Name, file, err, f.Text)
			}
		}
	}
}
