package clusterfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestClusterSection(t *testing.T) {
	for name, tt := range map[string]struct {
		section string
		want    mgmt.Backend
		err     string
	}{
		"broker":             {"[cluster]\nbackend = broker\n", mgmt.BrokerBackend, ""},
		"zeromq":             {"[cluster]\nbackend = zeromq\n", mgmt.ZeroMQBackend, ""},
		"auto":               {"[cluster]\nbackend = auto\n", "", ""},
		"none":               {"", "", ""},
		"an empty section":   {"[cluster]\n", "", ""},
		"another backend":    {"[cluster]\nbackend = nats\n", "", `c.ini:17: [cluster]: backend "nats": say broker, zeromq or auto`},
		"another key":        {"[cluster]\nbackends = broker\n", "", `c.ini:17: [cluster] has no key "backends"`},
		"no value":           {"[cluster]\nbackend\n", "", "backend"},
		"a node of the name": {"[cluster]\nrole = proxy\ninstance = x\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := clusterfile.Parse("c.ini", []byte(fourNodes+tt.section), clusterfile.Options{})
			if tt.err != "" || err != nil {
				if err == nil || tt.err == "" || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q in it", err, tt.err)
				}
				return
			}
			for _, n := range got.Config.Nodes {
				want := tt.want
				if n.Name == "feeder" {
					want = ""
				}
				if n.Backend != want {
					t.Errorf("%s has the backend %q, want %q", n.Name, n.Backend, want)
				}
			}
			written := clusterfile.Text(got.Config)
			if has := strings.Contains(written, "[cluster]\nbackend = "); has != (tt.want != "") {
				t.Errorf("written as\n%s", written)
			}
			again, err := clusterfile.Parse("c.ini", []byte(written), clusterfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got.Config.Nodes, again.Config.Nodes, cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name })); diff != "" {
				t.Errorf("written and read again (-want +got):\n%s", diff)
			}
		})
	}
}
