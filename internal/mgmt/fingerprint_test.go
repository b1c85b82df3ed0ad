package mgmt_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestFingerprintsNeverChange(t *testing.T) {
	for _, tt := range fingerprinted {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.plan.Fingerprint(); got != tt.v1 {
				t.Errorf("got %s, want %s", got, tt.v1)
			}
			for _, f := range []mgmt.Fingerprint{tt.v0, tt.v1} {
				if err := f.Check(); err != nil || !tt.plan.Is(f) {
					t.Errorf("the plan is not the one of fingerprint %s: %v", f, err)
				}
			}
		})
	}
}

// A node that was launched with a fingerprint of version 2 goes on as long as what it uses
// of the layout does not change.
func TestFingerprintsOfUsedLayoutsNeverChange(t *testing.T) {
	for _, tt := range fingerprinted {
		for use, want := range tt.v2 {
			plan := tt.plan
			plan.Use = mgmt.LayoutUse(use + 1)
			if got := plan.Fingerprint(); got != want {
				t.Errorf("%s, use %d: got %s, want %s", tt.name, plan.Use, got, want)
			}
			if err := want.Check(); err != nil || !tt.plan.Is(want) {
				t.Errorf("%s: the plan is not the one of fingerprint %s: %v", tt.name, want, err)
			}
		}
	}
}

func TestFingerprintsOfOtherPlans(t *testing.T) {
	for _, tt := range fingerprinted {
		if tt.name == "everything set" {
			continue
		}
		if everythingSet.Is(tt.v0) || everythingSet.Is(tt.v1) {
			t.Errorf("the plan with everything set is that with %s", tt.name)
		}
	}
	for _, f := range []mgmt.Fingerprint{"", "1:", "0:" + everythingSet.Fingerprint()[2:], everythingSet.Fingerprint()[2:], "of another plan"} {
		if everythingSet.Is(f) {
			t.Errorf("the plan is the one of %q", f)
		}
	}
}

func TestFingerprintOfANewerVersionIsAnother(t *testing.T) {
	newer := "3" + everythingSet.Fingerprint()[1:]
	if everythingSet.Is(newer) {
		t.Errorf("the plan is the one of fingerprint %s", newer)
	}
	want := fmt.Sprintf(`fingerprint %q has version "3", this program knows versions 0 to 2`, string(newer))
	if err := newer.Check(); err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// A fingerprint has no line for a field with its default value. So a field that a
// newer version adds changes no fingerprint.
func TestFieldsWithTheirDefaultAreNotRendered(t *testing.T) {
	for _, tt := range []struct {
		plan          mgmt.Plan
		node, cluster string
	}{
		{
			plan:    nothingSet,
			node:    "node\nname 1:w\ninstance 1:i\nrole 6:WORKER\n",
			cluster: "node 1:w\nrole 6:WORKER\nhost 7:0.0.0.0\n",
		},
		{
			plan: everythingSet,
			node: `node
name 1:w
instance 6:host-1
role 6:WORKER
port 8:5000/tcp
script 23:policy/tuning/json-logs
script 5:local
script 19:/opt/site/more.zeek
option 1:n 0:
option 1:n 0:
option 1:o 1:y
option 1:o 1:z
interface 15:af_packet::eth0
cpu 1:3
env 1:A 1:a
env 1:B 1:b
metrics-port 8:9000/tcp
`,
			cluster: `node 9:logger-10
role 6:LOGGER
host 7:0.0.0.0
port 8:2201/tcp
metrics-port 8:9001/tcp
node 8:logger-9
role 6:LOGGER
host 8:10.0.0.1
node 7:manager
role 7:MANAGER
host 8:10.0.0.1
port 8:2200/tcp
node 5:proxy
role 5:PROXY
host 8:10.0.0.1
port 8:2202/tcp
node 1:w
role 6:WORKER
host 8:10.0.0.1
port 8:5000/tcp
metrics-port 8:9000/tcp
`,
		},
		{plan: mgmt.Plan{}, node: "node\n"},
	} {
		if tt.cluster != "" {
			tt.node += "cluster 64:" + hexDigest(tt.cluster) + "\n"
		}
		if got, want := tt.plan.Fingerprint(), mgmt.Fingerprint("1:"+hexDigest(tt.node)[:32]); got != want {
			t.Errorf("got %s, want %s, which is made of\n%s", got, want, tt.node)
		}
	}
}

func hexDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// A field that a newer version adds must be rendered as well. Version 0 does not
// know the field: layout.is must say that a plan in which it is set is another plan.
func TestEveryFieldIsRendered(t *testing.T) {
	plan := func() mgmt.Plan {
		return mgmt.Plan{
			Node:    mgmt.Node{Name: "w"},
			Cluster: map[mgmt.NodeName]mgmt.ClusterEndpoint{"w": {Port: mgmt.NoPort}},
		}
	}
	before := plan().Fingerprint()
	before0 := mgmt.Fingerprint(hexDigest(`{"Node":{"Name":"w","Instance":"","Role":"","State":"","Port":null,"Scripts":null,"Options":null,` +
		`"Interface":null,"CPUAffinity":null,"Env":null,"MetricsPort":null},"Cluster":{"w":{"Role":"","Host":"",` +
		`"Port":{"Number":0,"Proto":"unknown"},"Interface":null,"PcapFile":null,"MetricsPort":null}}}`)[:32])
	if !plan().Is(before0) {
		t.Fatalf("the plan is not the one of fingerprint %s", before0)
	}
	differs := func(field string, p mgmt.Plan) {
		if p.Fingerprint() == before || p.Is(before0) {
			t.Errorf("field %s is not rendered", field)
		}
	}
	for i := range reflect.TypeFor[mgmt.Node]().NumField() {
		p := plan()
		if name := set(t, reflect.ValueOf(&p.Node).Elem(), i); name != "Node.State" && name != "Node.RunOptions" && name != "Node.Limits" { // a running node gets them
			differs(name, p)
		}
	}
	for i := range reflect.TypeFor[mgmt.ClusterEndpoint]().NumField() {
		p, e := plan(), mgmt.ClusterEndpoint{Port: mgmt.NoPort}
		name := set(t, reflect.ValueOf(&e).Elem(), i)
		p.Cluster["w"] = e
		differs(name, p)
	}
}

// set gives the i-th field of a struct a value that is not its default, and
// returns the name of the field.
func set(t *testing.T, of reflect.Value, i int) string {
	field := of.Type().Field(i)
	values := []any{
		"x", new("x"), []string{"x"}, map[string]string{"x": "y"}, new(int64(1)), netip.MustParseAddr("10.0.0.1"),
		mgmt.TCPPort(1), new(mgmt.TCPPort(1)), []mgmt.Option{{Name: "x", Value: "y"}},
		[]mgmt.Bundle{{Name: "x", Kind: mgmt.ScriptBundle, Hash: "sha256:00"}}, mgmt.Limits{Nice: 1},
	}
	at := slices.IndexFunc(values, func(v any) bool {
		return reflect.TypeOf(v) == field.Type || reflect.TypeOf(v).Kind() == reflect.String && field.Type.Kind() == reflect.String
	})
	if at < 0 {
		t.Fatalf("this test has no value for field %s", field.Name)
	}
	of.Field(i).Set(reflect.ValueOf(values[at]).Convert(field.Type))
	return of.Type().Name() + "." + field.Name
}

func TestPlansOfOneInstanceHaveTheFingerprintsOfEach(t *testing.T) {
	c := everything()
	plans := mgmt.PlansOf(c, "i")
	for name, plan := range plans.All() {
		alone, _ := mgmt.PlanFor(c, name)
		if f := plans.Fingerprint(name); f != alone.Fingerprint() || !plans.Is(name, f) || !strings.HasPrefix(string(f), "1:") {
			t.Errorf("node %s has fingerprint %s, want %s", name, f, plan.Fingerprint())
		}
	}
	if f := plans.Fingerprint("l"); f != "" || plans.Is("l", f) {
		t.Errorf("a node of another instance has fingerprint %q", f)
	}
}

// An instance may have hundreds of nodes in a cluster of many thousands.
func TestTheLayoutIsRenderedOnceForAllNodes(t *testing.T) {
	const nodes = 1000
	c := one(instance("i"))
	for i := range nodes {
		c.Nodes = append(c.Nodes, node(mgmt.NodeName(fmt.Sprintf("w%d", i)), "i", mgmt.Worker))
	}
	plans := mgmt.PlansOf(c, "i")
	for name, compare := range map[string]func(){
		"version 1": func() { plans.Fingerprint("w7") },
		"version 0": func() { plans.Is("w7", everythingSet.Fingerprint()[2:]) },
	} {
		if got := testing.AllocsPerRun(10, compare); got > nodes/2 { // the first run is not counted
			t.Errorf("%s: a fingerprint takes %v allocations in a cluster of %d nodes", name, got, nodes)
		}
	}
}
