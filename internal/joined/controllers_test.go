package joined_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

func TestControllersAreKept(t *testing.T) {
	dir := t.TempDir()
	c := joined.ControllersIn(dir, "cluster-1")
	if list, err := c.Load(); list != nil || err != nil {
		t.Errorf("before anything was kept: %q, %v", list, err)
	}
	want := []string{"192.0.2.1:2150", "[2001:db8::1]:2150", "c3.example:2250"}
	if err := c.Save(want); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Load(); err != nil || !slices.Equal(list, want) {
		t.Errorf("got %q, %v", list, err)
	}
	if list, err := joined.ControllersIn(dir, "cluster-2").Load(); list != nil || err != nil {
		t.Errorf("in another cluster: %q, %v", list, err)
	}
	if err := c.Save(nil); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Load(); len(list) > 0 || err != nil {
		t.Errorf("after nothing was kept: %q, %v", list, err)
	}
	if err := c.Save(slices.Repeat([]string{"c:1"}, 17)); err == nil || !strings.Contains(err.Error(), "17 controllers are more than 16") {
		t.Errorf("too many: %v", err)
	}
	if err := (joined.Controllers{}).Save(want); err != nil {
		t.Errorf("nothing is kept: %v", err)
	}
}

func TestControllersAreReadFromForm1(t *testing.T) {
	list, err := joined.ControllersIn(filepath.Join("testdata", "form1"), "3f0c1a52-9d53-4a0c-9a43-5d3e8f1b7c21").Load()
	if err != nil || !slices.Equal(list, []string{"192.0.2.1:2150", "c2.example:2150"}) {
		t.Errorf("got %q, %v", list, err)
	}
}

func TestControllersThatAreNotUnderstoodAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"newer form":    {string(durable.Seal([]byte(`{"version":2,"addresses":[]}`))), "written by a newer zeekfleet (form 2, known are up to 1)"},
		"unknown field": {string(durable.Seal([]byte(`{"version":1,"addresses":[],"x":1}`))), `unknown field "x"`},
		"no address":    {string(durable.Seal([]byte(`{"version":1,"addresses":["c1"]}`))), `"c1" is not the address and port of a controller`},
		"no port":       {string(durable.Seal([]byte(`{"version":1,"addresses":["c1:0"]}`))), "its port is no number from 1 to 65535"},
		"no host":       {string(durable.Seal([]byte(`{"version":1,"addresses":[":1"]}`))), "it has no host"},
		"no end":        {`{"version":1,"addresses":[]}`, "its end is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			c := joined.ControllersIn(t.TempDir(), "")
			if err := os.WriteFile(c.Path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Load(); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), c.Path) {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}
