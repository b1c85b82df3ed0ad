package migration_test

import (
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

var update = flag.Bool("update", false, "rewrite what the shapes are imported to")

// importing are the options with which shapes are imported.
var importing = migration.Options{Hostname: "here", Base: "/opt/zeek"}

// A shape is a file in testdata/shapes: the files of another manager, what that manager starts
// (the file "starts", written by hand from its rules), and what they are imported to.
type shape struct {
	path    string
	comment string
	files   []zeekctl.File
	starts  string
}

func readShape(t testing.TB, path string) shape {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := shape{path: path, comment: string(archive.Comment)}
	for _, f := range archive.Files {
		switch f.Name {
		case "starts":
			s.starts = string(f.Data)
		case "cluster.ini", "settings", "findings":
		default:
			s.files = append(s.files, zeekctl.File{Name: f.Name, Text: f.Data})
		}
	}
	return s
}

func (s shape) run() (*migration.Result, error) {
	var site zeekctl.Files
	for _, f := range s.files {
		switch filepath.Base(f.Name) {
		case "node.cfg":
			site.Node = f
		case "zeekctl.cfg":
			site.Options = f
		case "networks.cfg":
			site.Networks = f
		case "management.ini":
			return migration.FromManagement(f, importing)
		default:
			return migration.FromZeekConf(s.files, importing)
		}
	}
	return migration.FromZeekctl(site, importing)
}

// text renders the shape with what it is imported to.
func (s shape) text(r *migration.Result) string {
	archive := &txtar.Archive{Comment: []byte(s.comment)}
	add := func(name, text string) {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
	}
	for _, f := range s.files {
		add(f.Name, string(f.Text))
	}
	add("starts", s.starts)
	add("cluster.ini", r.Cluster)
	var text strings.Builder
	for _, f := range r.Settings {
		fmt.Fprintf(&text, "== %s, for %s\n%s", f.Name, f.For, f.Text)
	}
	add("settings", text.String())
	text.Reset()
	for _, f := range r.Findings {
		text.WriteString(f.String() + "\n")
	}
	add("findings", text.String())
	return string(txtar.Format(archive))
}

// line describes a node: instance, name, role, interface, processors, environment, scripts,
// and the options that the node gets as arguments, without the fan-out IDs that were chosen here.
func line(n mgmt.Node, chosen bool) string {
	iface := "-"
	if n.Interface != nil && *n.Interface != "" {
		iface = *n.Interface
	}
	cpus, _ := n.CPUs()
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s %s %s", n.Instance, n.Name, strings.ToLower(string(n.Role)), iface)
	if len(cpus) > 0 {
		text.WriteString(" cpus=" + strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ","), "[]"))
	}
	if n.Limits.Memory > 0 {
		text.WriteString(" memory=" + mgmt.SizeText(n.Limits.Memory))
	}
	if n.Limits.Nice != 0 {
		fmt.Fprintf(&text, " nice=%d", n.Limits.Nice)
	}
	for _, name := range slices.Sorted(maps.Keys(n.Env)) {
		if name != mgmt.CPUsEnv {
			text.WriteString(" " + name + "=" + ini.Word(n.Env[name]))
		}
	}
	for _, s := range n.Scripts {
		text.WriteString(" " + s)
	}
	for _, o := range n.Options {
		if o.Name != "AF_Packet::fanout_id" || !chosen {
			text.WriteString(" " + ini.Word(o.Name+"="+o.Value))
		}
	}
	return text.String()
}

// lines describes all nodes, in the order of what the other manager starts.
func lines(config mgmt.Configuration, starts string) string {
	chosen := !strings.Contains(starts, "AF_Packet::fanout_id")
	var all []string
	for _, n := range config.Nodes {
		all = append(all, line(n, chosen))
	}
	wanted := strings.Split(strings.TrimSpace(starts), "\n")
	place := func(text string) int { return slices.Index(wanted, text) }
	slices.SortStableFunc(all, func(a, b string) int { return place(a) - place(b) })
	return strings.Join(all, "\n") + "\n"
}

// imported imports all shapes.
func imported(t *testing.T, do func(t *testing.T, s shape, r *migration.Result, c mgmt.Configuration)) {
	files, err := filepath.Glob("testdata/shapes/*.txtar")
	if err != nil || len(files) < 40 {
		t.Errorf("%d shapes, %v, want 40", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := readShape(t, file)
			r, err := s.run()
			if err != nil {
				t.Fatal(err)
			}
			c, err := r.Parse()
			if err != nil {
				t.Fatalf("%v, in\n%s", err, r.Cluster)
			}
			do(t, s, r, c.Config)
		})
	}
}

// Each shape is imported to what the other manager would start itself.
func TestShapes(t *testing.T) {
	imported(t, func(t *testing.T, s shape, r *migration.Result, c mgmt.Configuration) {
		if diff := cmp.Diff(s.starts, lines(c, s.starts)); diff != "" {
			t.Errorf("nodes (-what the other manager starts +what the cluster file says):\n%s", diff)
		}
		golden.Check(t, s.path, s.text(r), *update)
	})
}
