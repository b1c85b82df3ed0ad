package resources_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// A configuration that crosses the HTTP API is the same afterwards.
func TestConfigurationsStayTheSame(t *testing.T) {
	for name, config := range map[string]mgmt.Configuration{
		"one that runs nothing": {ID: "x"},
		"one with everything": {
			ID: "id",
			Instances: []mgmt.Instance{
				{Name: "a", Host: netip.MustParseAddr("2001:db8::1"), ListenPort: new(mgmt.TCPPort(2151))}, {Name: "b", Host: mgmt.UnknownHost},
			},
			Nodes: []mgmt.Node{
				{Name: "m", Instance: "a", Role: mgmt.Manager, State: mgmt.Running, Port: new(mgmt.TCPPort(2200))},
				{
					Name: "w", Instance: "b", Role: mgmt.Worker, State: mgmt.Running, MetricsPort: new(mgmt.TCPPort(65535)),
					Scripts: []string{"b", "a"}, Options: []mgmt.Option{{Name: "A::x", Value: "<1>"}, {Name: "B::y", Value: ""}},
					Interface: new("eth0"), CPUAffinity: new(int64(0)), Env: map[string]string{"K": "v"},
				},
			},
		},
	} {
		text, err := json.Marshal(resources.Cluster(config))
		if err != nil {
			t.Fatal(err)
		}
		var read api.Cluster
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		got, err := resources.Configuration(read)
		if diff := cmp.Diff(config, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestConfigurationWithoutAnID(t *testing.T) {
	one, err := resources.Configuration(api.Cluster{})
	other, err2 := resources.Configuration(api.Cluster{})
	if err != nil || err2 != nil || one.ID == "" || one.ID == other.ID {
		t.Errorf("got %q and %q, %v", one.ID, other.ID, err)
	}
}

func TestHostsAreAddresses(t *testing.T) {
	for _, host := range []string{"sensor.example", "fe80::1%eth0", "192.0.2.1:2151"} {
		if _, err := resources.Configuration(api.Cluster{Hosts: []api.ConfiguredHost{{Name: "a", Host: host}}}); err == nil {
			t.Errorf("%s was accepted", host)
		}
	}
}
