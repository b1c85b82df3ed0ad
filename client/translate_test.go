package client_test

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

var everything = client.Configuration{
	ID: "id",
	Instances: []client.Instance{
		{Name: "i", Host: netip.MustParseAddr("192.0.2.7"), ListenPort: new(client.TCPPort(2151))},
		{Name: "j", Host: client.UnknownHost},
	},
	Nodes: []client.Node{
		{Name: "m", Instance: "j", Role: client.Manager, State: client.Running},
		{
			Name: "w", Instance: "i", Role: client.Worker, State: client.Running,
			Port: &client.Port{Number: 5000, Proto: client.UDP}, MetricsPort: new(client.TCPPort(9000)),
			Scripts: []string{"local"}, Options: []client.Option{{Name: "o", Value: "v"}},
			Interface: new("eth0"), CPUAffinity: new(int64(3)), Env: map[string]string{"A": "a"}, Command: []string{"/bin/feeder", "a b", "\"é"},
			Bundles: []client.Bundle{{Name: "site", Kind: "scripts", Hash: "sha256:00"}}, RunOptions: []client.Option{{Name: "A::b", Value: "c"}},
			Limits: client.Limits{Memory: 1 << 30, CPUWeight: 200, Nice: -5}, Backend: "zeromq",
		},
	},
}

var theSame = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}

// A configuration reaches the controller unchanged, and comes back unchanged.
func TestConfigurationsAreTranslatedInFull(t *testing.T) {
	for _, whole := range []any{everything.Instances[0], everything.Nodes[1]} {
		for i := range reflect.TypeOf(whole).NumField() {
			if reflect.ValueOf(whole).Field(i).IsZero() {
				t.Errorf("this test does not set %T.%s", whole, reflect.TypeOf(whole).Field(i).Name)
			}
		}
	}
	var staged mgmt.Configuration
	ctl := start(t, func(c *controller, req mgmt.Message) {
		switch r := req.(type) {
		case mgmt.StageConfigurationRequest:
			staged = r.Config
			echo(c, r)
		case mgmt.GetConfigurationRequest:
			c.publish(mgmt.GetConfigurationResponse{ReqID: r.ReqID, Result: mgmt.Result{Success: true, Data: staged}})
		}
	})
	c := dial(t, client.Config{Address: ctl.address})
	if _, err := c.Stage(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetConfiguration(t.Context(), false)
	if diff := cmp.Diff(client.Result{Success: true, Data: everything}, got, theSame); err != nil || diff != "" {
		t.Errorf("%v, configuration (-want +got):\n%s", err, diff)
	}
}

func TestResultsAreTranslatedInFull(t *testing.T) {
	pid := new(int64(4711))
	sent := []mgmt.Result{
		{ReqID: "leg", Success: true, Instance: "i", Data: mgmt.NodeStatuses{{
			Node: "w", State: mgmt.Crashed, MgmtRole: mgmt.RoleNode, ClusterRole: mgmt.Worker,
			PID: pid, Port: new(mgmt.TCPPort(5000)), MetricsPort: new(mgmt.TCPPort(9000)),
		}}},
		{Instance: "j", Node: "m", Error: "no"},
	}
	want := []client.Result{
		{Success: true, Instance: "i", Data: client.NodeStatuses{{
			Node: "w", State: client.Crashed, MgmtRole: client.RoleNode, ClusterRole: client.Worker,
			PID: pid, Port: new(client.TCPPort(5000)), MetricsPort: new(client.TCPPort(9000)),
		}}},
		{Instance: "j", Node: "m", Error: "no"},
	}
	ctl := start(t, func(c *controller, req mgmt.Message) {
		c.publish(mgmt.GetNodesResponse{ReqID: req.(mgmt.GetNodesRequest).ReqID, Results: sent})
	})
	got, err := dial(t, client.Config{Address: ctl.address}).GetNodes(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, results (-want +got):\n%s", err, diff)
	}
}

func TestDataOfEachType(t *testing.T) {
	var data mgmt.Data
	ctl := start(t, func(c *controller, req mgmt.Message) {
		c.publish(mgmt.DeployResponse{ReqID: req.(mgmt.DeployRequest).ReqID, Results: []mgmt.Result{{Data: data}}})
	})
	c := dial(t, client.Config{Address: ctl.address})
	for _, tt := range []struct {
		sent mgmt.Data
		want client.Data
	}{
		{nil, nil},
		{mgmt.Text("x"), client.Text("x")},
		{mgmt.NodeOutputs{Stdout: "o", Stderr: "e"}, client.NodeOutputs{Stdout: "o", Stderr: "e"}},
		{mgmt.Instances{}, client.BadData{}},
	} {
		data = tt.sent
		got, err := c.Deploy(t.Context())
		if diff := cmp.Diff([]client.Result{{Data: tt.want}}, got, cmpopts.IgnoreFields(client.BadData{}, "Reason")); err != nil || diff != "" {
			t.Errorf("%v, results (-want +got):\n%s", err, diff)
		}
	}
}

func TestWordsAreThoseOfTheProtocol(t *testing.T) {
	for _, pair := range [][2]string{
		{client.DefaultTopic, mgmt.ControllerTopic},
		{string(client.ClusterNone), string(mgmt.ClusterNone)},
		{string(client.Logger), string(mgmt.Logger)},
		{string(client.Manager), string(mgmt.Manager)},
		{string(client.Proxy), string(mgmt.Proxy)},
		{string(client.Worker), string(mgmt.Worker)},
		{string(client.RoleNone), string(mgmt.RoleNone)},
		{string(client.RoleAgent), string(mgmt.RoleAgent)},
		{string(client.RoleController), string(mgmt.RoleController)},
		{string(client.RoleNode), string(mgmt.RoleNode)},
		{string(client.Pending), string(mgmt.Pending)},
		{string(client.Running), string(mgmt.Running)},
		{string(client.Stopped), string(mgmt.Stopped)},
		{string(client.Failed), string(mgmt.Failed)},
		{string(client.Crashed), string(mgmt.Crashed)},
		{string(client.Unknown), string(mgmt.Unknown)},
		{string(client.TCP), string(mgmt.TCP)},
		{string(client.UDP), string(mgmt.UDP)},
		{string(client.ICMP), string(mgmt.ICMP)},
		{string(client.UnknownProto), string(mgmt.UnknownProto)},
		{client.UnknownHost.String(), mgmt.UnknownHost.String()},
		{client.TCPPort(2150).String(), mgmt.TCPPort(2150).String()},
	} {
		if pair[0] != pair[1] {
			t.Errorf("client says %q, the protocol %q", pair[0], pair[1])
		}
	}
}

func TestServerErrorIsOneOfThisPackage(t *testing.T) {
	refuse := bus.WebSocketConfig{Admit: func(string, zval.Value) error { return errors.New("not today") }}
	ctl := startWith(t, refuse, func(*controller, mgmt.Message) {})
	_, err := dial(t, client.Config{Address: ctl.address}).Deploy(t.Context())
	refused, ok := errors.AsType[*client.ServerError](err)
	if !ok || refused.Code != "deserialization_failed" {
		t.Errorf("Deploy: %v, want a *ServerError with code deserialization_failed", err)
	}
}

// A server closes a connection over which it gets too long a message.
func TestServerClosedIsOneOfThisPackage(t *testing.T) {
	ctl := startWith(t, bus.WebSocketConfig{MaxMessage: 1 << 10}, func(*controller, mgmt.Message) {})
	config := everything
	config.ID = string(make([]byte, 4<<10))
	_, err := dial(t, client.Config{Address: ctl.address}).Stage(t.Context(), config)
	closed, ok := errors.AsType[*client.ServerClosed](err)
	if !ok || closed.Code != 1009 || closed.Error() == err.Error() {
		t.Errorf("Stage: %v, want a *ServerClosed with code 1009", err)
	}
}
