package migration_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/migration"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// checkImport checks what holds for every import: the cluster file is what the other manager
// starts, or the error says otherwise; and what was imported can be exported and read again.
func checkImport(t *testing.T, r *migration.Result, err error) {
	t.Helper()
	if err != nil {
		if strings.Contains(err.Error(), "please report it") {
			t.Fatal(err)
		}
		return
	}
	c, err := r.Parse()
	if err != nil {
		t.Fatalf("%v, in\n%s", err, r.Cluster)
	}
	for _, export := range []func() (*migration.Export, error){
		func() (*migration.Export, error) { return migration.ExportZeekctl(c.Config, hostsOf(r)) },
		func() (*migration.Export, error) { return migration.ExportZeekConf(c.Config, hostsOf(r)) },
	} {
		if _, err := export(); err != nil && !strings.Contains(err.Error(), "--host") && !strings.Contains(err.Error(), "managers") {
			t.Fatal(err)
		}
	}
}

// seeds adds the files of the shapes.
func seeds(f *testing.F, add func(s shape)) {
	files, err := filepath.Glob("testdata/shapes/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if !strings.Contains(file, "large") {
			add(readShape(f, file))
		}
	}
}

func FuzzFromZeekctl(f *testing.F) {
	seeds(f, func(s shape) {
		var nodes, options, networks string
		for _, file := range s.files {
			switch filepath.Base(file.Name) {
			case "node.cfg":
				nodes = string(file.Text)
			case "zeekctl.cfg":
				options = string(file.Text)
			case "networks.cfg":
				networks = string(file.Text)
			}
		}
		if nodes != "" {
			f.Add(nodes, options, networks)
		}
	})
	f.Fuzz(func(t *testing.T, nodes, options, networks string) {
		r, err := migration.FromZeekctl(zeekctl.Files{
			Node:     zeekctl.File{Name: "node.cfg", Text: []byte(nodes)},
			Options:  zeekctl.File{Name: "zeekctl.cfg", Text: []byte(options)},
			Networks: zeekctl.File{Name: "networks.cfg", Text: []byte(networks)},
		}, importing)
		checkImport(t, r, err)
	})
}

func FuzzFromZeekConf(f *testing.F) {
	seeds(f, func(s shape) {
		if len(s.files) == 1 && filepath.Base(s.files[0].Name) == "zeek.conf" {
			f.Add(string(s.files[0].Text))
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		r, err := migration.FromZeekConf([]zeekctl.File{{Name: "zeek.conf", Text: []byte(text)}}, importing)
		checkImport(t, r, err)
	})
}
