package form_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// full has a node and an instance with a value in every field, and others with empty
// and unset fields.
var full = mgmt.Configuration{
	ID: "one",
	Instances: []mgmt.Instance{
		{Name: "sensor-1", Host: netip.MustParseAddr("192.0.2.1"), ListenPort: new(mgmt.TCPPort(2151))},
		{Name: "sensor-2"},
	},
	Nodes: []mgmt.Node{
		{
			Name: "worker", Instance: "sensor-1", Role: mgmt.Worker, State: mgmt.Running,
			Port: new(mgmt.NoPort), Scripts: []string{"local", "a.zeek"},
			Options:   []mgmt.Option{{Name: "A::b", Value: "<T>"}},
			Interface: new("eth0"), CPUAffinity: new(int64(3)),
			Env: map[string]string{"A": "b"}, MetricsPort: new(mgmt.TCPPort(9000)), Command: []string{"/bin/feeder", "a b"},
			Bundles:    []mgmt.Bundle{{Name: "site", Kind: mgmt.ScriptBundle, Hash: "sha256:00"}},
			RunOptions: []mgmt.Option{{Name: "C::d", Value: "e"}},
			Limits:     mgmt.Limits{Memory: 1 << 30, CPUWeight: 200, Nice: -5},
			Backend:    mgmt.ZeroMQBackend,
		},
		{Name: "empty", Scripts: []string{}, Options: []mgmt.Option{}, Env: map[string]string{}, Interface: new("")},
		{Name: "unset"},
	},
}

const fullForm1 = `{"id":"one","instances":[{"name":"sensor-1","host":"192.0.2.1","listen_port":"2151/tcp"},{"name":"sensor-2"}],` +
	`"nodes":[{"name":"worker","instance":"sensor-1","role":"WORKER","state":"RUNNING","port":"0/unknown","scripts":["local","a.zeek"],` +
	`"options":[{"name":"A::b","value":"\u003cT\u003e"}],"interface":"eth0","cpu_affinity":3,"env":{"A":"b"},"metrics_port":"9000/tcp",` +
	`"command":["/bin/feeder","a b"],"bundles":[{"name":"site","kind":"scripts","hash":"sha256:00"}],"run_options":[{"name":"C::d","value":"e"}],"limits":{"memory":1073741824,"cpu_weight":200,"nice":-5},"backend":"zeromq"},{"name":"empty","scripts":[],"options":[],"interface":"","env":{}},{"name":"unset"}]}`

// Form 0 is a mgmt.Configuration and a mgmt.Plan as encoding/json wrote them.
const (
	fullForm0 = `{"ID":"one","Instances":[{"Name":"sensor-1","Host":"192.0.2.1","ListenPort":{"Number":2151,"Proto":"tcp"}},{"Name":"sensor-2",` +
		`"Host":"","ListenPort":null}],"Nodes":[{"Name":"worker","Instance":"sensor-1","Role":"WORKER","State":"RUNNING",` +
		`"Port":{"Number":0,"Proto":"unknown"},"Scripts":["local","a.zeek"],"Options":[{"Name":"A::b","Value":"\u003cT\u003e"}],` +
		`"Interface":"eth0","CPUAffinity":3,"Env":{"A":"b"},"MetricsPort":{"Number":9000,"Proto":"tcp"}},{"Name":"empty","Instance":"",` +
		`"Role":"","State":"","Port":null,"Scripts":[],"Options":[],"Interface":"","CPUAffinity":null,"Env":{},"MetricsPort":null},` +
		`{"Name":"unset","Instance":"","Role":"","State":"","Port":null,"Scripts":null,"Options":null,"Interface":null,"CPUAffinity":null,` +
		`"Env":null,"MetricsPort":null}]}`

	planForm0 = `{"Node":{"Name":"worker","Instance":"sensor-1","Role":"WORKER","State":"","Port":{"Number":0,"Proto":"unknown"},` +
		`"Scripts":["local","a.zeek"],"Options":[{"Name":"A::b","Value":"\u003cT\u003e"}],"Interface":"eth0","CPUAffinity":3,` +
		`"Env":{"A":"b"},"MetricsPort":{"Number":9000,"Proto":"tcp"}},"Cluster":{"worker":{"Role":"WORKER","Host":"::1","Port":{"Number":1,` +
		`"Proto":"tcp"},"Interface":"eth0","PcapFile":"x.pcap","MetricsPort":{"Number":2,"Proto":"tcp"}}}}`
)

// If this text must change, add a new form.
func TestConfigurationIsWrittenInForm1(t *testing.T) {
	if diff := cmp.Diff(fullForm1, string(form.Encode(form.NewConfiguration(full)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigurationIsReadFromEachForm(t *testing.T) {
	var old form.Configuration0
	if err := form.Decode([]byte(fullForm0), &old); err != nil {
		t.Fatal(err)
	}
	before := full.Clone()
	before.Nodes[0].Command, before.Nodes[0].Bundles, before.Nodes[0].RunOptions, before.Nodes[0].Limits, before.Nodes[0].Backend = nil, nil, nil, mgmt.Limits{}, "" // form 0 is older
	wantSame(t, before, old.Configuration())
	var now form.Configuration
	if err := form.Decode([]byte(fullForm1), &now); err != nil {
		t.Fatal(err)
	}
	wantSame(t, full, now.Configuration())
}

func TestUnsetAndEmptyListsAreDistinguished(t *testing.T) {
	for _, want := range []mgmt.Configuration{{}, {Instances: []mgmt.Instance{}, Nodes: []mgmt.Node{}}} {
		var f form.Configuration
		if err := form.Decode(form.Encode(form.NewConfiguration(want)), &f); err != nil {
			t.Fatal(err)
		}
		wantSame(t, want, f.Configuration())
	}
}

func TestPlanIsReadFromEachForm(t *testing.T) {
	plan := mgmt.Plan{Node: full.Nodes[0], Cluster: map[mgmt.NodeName]mgmt.ClusterEndpoint{"worker": {
		Role: mgmt.Worker, Host: netip.MustParseAddr("::1"), Port: mgmt.TCPPort(1), Interface: new("eth0"), PcapFile: new("x.pcap"),
		MetricsPort: new(mgmt.TCPPort(2)),
	}}}
	plan.Node.State = ""
	wantComplete(t, plan.Cluster["worker"])
	var old form.Plan0
	if err := form.Decode([]byte(planForm0), &old); err != nil {
		t.Fatal(err)
	}
	before := plan
	before.Node.Command, before.Node.Bundles, before.Node.RunOptions, before.Node.Limits, before.Node.Backend = nil, nil, nil, mgmt.Limits{}, "" // form 0 is older
	wantSame(t, before, old.Plan())
	var now form.Plan
	if err := form.Decode(form.Encode(form.NewPlan(plan)), &now); err != nil {
		t.Fatal(err)
	}
	wantSame(t, plan, now.Plan())
}

// A new field in mgmt needs a new form. This test fails if there is such a field.
func TestFormsHaveEveryField(t *testing.T) {
	wantComplete(t, full)
	wantComplete(t, full.Instances[0])
	wantComplete(t, full.Nodes[0])
}

// wantComplete checks that every field of the struct has a value.
func wantComplete(t *testing.T, v any) {
	t.Helper()
	s := reflect.ValueOf(v)
	for i := range s.NumField() {
		if s.Field(i).IsZero() {
			t.Errorf("%T has a field that no form has: %s", v, s.Type().Field(i).Name)
		}
	}
}

func wantSame[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadPortsAreRefused(t *testing.T) {
	for _, text := range []string{"", "1", "/tcp", "70000/tcp", "-1/tcp"} {
		if err := new(form.Port).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as a port", text)
		}
	}
}
