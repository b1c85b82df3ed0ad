package controller_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestGetNodesListsTheController has agents a, b, … with the addresses in this order.
// It compares what get-nodes shows of a.
func TestGetNodesListsTheController(t *testing.T) {
	site := mgmt.ControllerSite{
		Name: "controller", Hosts: []netip.Addr{netip.MustParseAddr("10.0.0.9")}, Broker: mgmt.TCPPort(2150),
	}
	cfg := controller.Config{Rules: mgmt.Rules{Controller: site}, PID: 7}
	agent := mgmt.NodeStatus{Node: "a", State: mgmt.Running, MgmtRole: mgmt.RoleAgent, ClusterRole: mgmt.ClusterNone}
	self := mgmt.NodeStatus{
		Node: "controller", State: mgmt.Running, MgmtRole: mgmt.RoleController, ClusterRole: mgmt.ClusterNone,
		PID: new(int64(7)), Port: new(mgmt.TCPPort(2150)),
	}
	changed := func(edit func(*controller.Config)) controller.Config {
		c := cfg
		edit(&c)
		return c
	}
	at := func(addrs ...string) []string { return addrs }
	shown := func(s ...mgmt.NodeStatus) mgmt.NodeStatuses { return s }
	zeeks := self
	zeeks.PID, zeeks.Port = new(int64(8)), new(mgmt.TCPPort(2151))
	for name, tt := range map[string]struct {
		cfg     controller.Config
		addrs   []string
		answers mgmt.NodeStatuses
		want    mgmt.NodeStatuses
	}{
		"with an agent at a loopback address":              {cfg, at("127.0.0.1"), shown(agent), shown(agent, self)},
		"with an agent at another of its addresses":        {cfg, at("10.0.0.9"), shown(agent), shown(agent, self)},
		"with the only one of several that is at its host": {cfg, at("::1", "10.0.0.2"), shown(agent), shown(agent, self)},
		"not with an agent of another host":                {cfg, at("10.0.0.2"), shown(agent), shown(agent)},
		"not where several agents are at its host":         {cfg, at("127.0.0.1", "10.0.0.9"), shown(agent), shown(agent)},
		"not again where the agent does":                   {cfg, at("127.0.0.1"), shown(zeeks, agent), shown(zeeks, agent)},
		"not without a PID": {
			changed(func(c *controller.Config) { c.PID = 0 }), at("127.0.0.1"), shown(agent), shown(agent),
		},
		"with the port that it is to show": {
			changed(func(c *controller.Config) { c.PID, c.ShownPort = 8, mgmt.TCPPort(2151) }),
			at("127.0.0.1"), shown(agent), shown(agent, zeeks),
		},
		"without a port where agents cannot connect": {
			changed(func(c *controller.Config) { c.Rules.Controller.Broker = mgmt.Port{} }),
			at("127.0.0.1"), shown(agent),
			shown(agent, mgmt.NodeStatus{Node: "controller", State: mgmt.Running, MgmtRole: mgmt.RoleController,
				ClusterRole: mgmt.ClusterNone, PID: new(int64(7))}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nodesShown(t, tt.cfg, tt.addrs, tt.answers); !cmp.Equal(tt.want, got) {
				t.Errorf("nodes (-want +got):\n%s", cmp.Diff(tt.want, got))
			}
		})
	}
}

// nodesShown returns what get-nodes shows of instance a, whose agent answers as
// given.
func nodesShown(t *testing.T, cfg controller.Config, addrs []string, answers mgmt.NodeStatuses) mgmt.NodeStatuses {
	t.Helper()
	m := controller.New(cfg, controller.State{}, rand.New(rand.NewPCG(1, 2)))
	for i, addr := range addrs {
		name := string(rune('a' + i))
		peer := mgmt.PeerID("peer-" + name)
		m.Step(epoch, controller.PeerAdded{Peer: peer, Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 40000)})
		m.Step(epoch, controller.FromAgent{Peer: peer, Instance: mgmt.InstanceName(name), Msg: mgmt.NotifyAgentHello{
			Instance: mgmt.InstanceName(name), ID: string(peer), Connecting: true, APIVersion: mgmt.APIVersion,
		}})
	}
	var reply *controller.Reply
	asked := m.Step(epoch, controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.GetNodesRequest{ReqID: "r"}})
	for _, effect := range asked {
		to, ok := effect.(controller.ToAgent)
		if !ok {
			continue
		}
		id := to.Msg.(mgmt.AgentGetNodesRequest).ReqID
		result := mgmt.Result{ReqID: id, Success: true, Instance: to.Instance, Data: mgmt.NodeStatuses{}}
		if to.Instance == "a" {
			result.Data = answers
		}
		for _, effect := range m.Step(epoch, controller.FromAgent{
			Peer: to.Peer, Instance: to.Instance, Msg: mgmt.AgentGetNodesResponse{ReqID: id, Result: result},
		}) {
			if r, ok := effect.(controller.Reply); ok {
				reply = &r
			}
		}
	}
	if reply == nil {
		t.Fatal("no answer to get_nodes")
	}
	for _, r := range reply.Msg.(mgmt.GetNodesResponse).Results {
		if r.Instance == "a" {
			return r.Data.(mgmt.NodeStatuses)
		}
	}
	t.Fatal("the answer to get_nodes lacks instance a")
	return nil
}
