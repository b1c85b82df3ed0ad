package migration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// hostsOf returns the host of each instance.
func hostsOf(r *migration.Result) map[mgmt.InstanceName]string {
	hosts := map[mgmt.InstanceName]string{}
	for _, h := range r.Hosts {
		hosts[h.Instance] = h.Name
	}
	return hosts
}

// What was imported and exported to zeekctl, which then is imported again, is the same cluster.
func TestWayToZeekctlAndBack(t *testing.T) {
	imported(t, func(t *testing.T, s shape, r *migration.Result, c mgmt.Configuration) {
		e, err := migration.ExportZeekctl(c, hostsOf(r))
		if err != nil {
			t.Fatal(err)
		}
		var site zeekctl.Files
		for i, to := range []*zeekctl.File{&site.Node, &site.Options, &site.Networks} {
			*to = zeekctl.File{Name: e.Files[i].Name, Text: []byte(e.Files[i].Text)}
		}
		back, err := migration.FromZeekctl(site, importing)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, e.Files[0].Text)
		}
		again, err := back.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if r.From != migration.Zeekctl {
			return // zeekctl needs a proxy, and has no limits for a node
		}
		if diff := cmp.Diff(s.starts, lines(again.Config, s.starts)); diff != "" {
			t.Errorf("nodes (-as they were +after the way there and back):\n%s\n%s", diff, e.Files[0].Text)
		}
	})
}

// withoutNames takes the names of nodes and instances out of what lines has returned.
func withoutNames(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		words := strings.SplitN(line, " ", 3)
		all = append(all, words[2])
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// The same for zeek.conf, which chooses the names of processes itself.
func TestWayToZeekConfAndBack(t *testing.T) {
	imported(t, func(t *testing.T, s shape, r *migration.Result, c mgmt.Configuration) {
		e, err := migration.ExportZeekConf(c, hostsOf(r))
		if err != nil {
			t.Fatal(err)
		}
		var files []zeekctl.File
		for _, f := range e.Files {
			files = append(files, zeekctl.File{Name: f.Name, Text: []byte(f.Text)})
		}
		back, err := migration.FromZeekConf(files, importing)
		if err != nil {
			t.Fatalf("%v, in\n%s", err, e.Files[0].Text)
		}
		again, err := back.Parse()
		if err != nil {
			t.Fatal(err)
		}
		want, got := withoutNames(lines(c, "")), withoutNames(lines(again.Config, ""))
		if diff := cmp.Diff(want, got); diff != "" && !strings.Contains(fmt.Sprint(e.Findings), "node ") {
			t.Errorf("nodes (-as they were +after the way there and back):\n%s\n%s", diff, e.Files[0].Text)
		}
		if diff := cmp.Diff(s.starts, lines(again.Config, s.starts)); diff != "" && r.From == migration.ZeekConf && len(e.Findings) == 1 {
			t.Errorf("nodes (-as they were +after the way there and back):\n%s\n%s", diff, e.Files[0].Text)
		}
	})
}
