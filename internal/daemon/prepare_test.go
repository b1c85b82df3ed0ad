package daemon_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestOnlyAgentsOfOursAreAskedBefore deploys to several agents. Only one is ours. The
// others get none of our own events, and no request that no client has caused.
func TestOnlyAgentsOfOursAreAskedBefore(t *testing.T) {
	cluster := startCluster(t)
	ours := cluster.obedientAgent("ours", "zeek/fleet/agent/prepare/")
	zeeks := cluster.obedientAgent("zeeks")
	everything := cluster.obedientAgent("everything", "zeek/") // which says nothing about itself
	conn := cluster.client()
	defer conn.Close()
	config := client.Configuration{ID: "c"}
	for _, name := range []mgmt.InstanceName{"ours", "zeeks", "everything"} {
		cluster.awaitInstance(client.InstanceName(name))
		config.Instances = append(config.Instances, client.Instance{Name: client.InstanceName(name), Host: client.UnknownHost})
		config.Nodes = append(config.Nodes, client.Node{
			Name: client.NodeName("w-" + name), Instance: client.InstanceName(name), Role: client.Worker, State: client.Running,
		})
	}
	staged, err := conn.Stage(t.Context(), config)
	if err != nil || !staged[0].Success {
		t.Fatalf("stage: %v, %v", staged, err)
	}
	results, err := conn.DeployStaged(t.Context(), client.Deployment{ID: "c"})
	if id, ok := client.ConfigurationID(results); err != nil || !ok || id != "c" {
		t.Fatalf("deploy: %v, %v", results, err)
	}
	const (
		nodes    = "Management::Agent::API::get_nodes_request"
		asked    = "Fleet::Agent::API::prepare_request"
		deployed = "Management::Agent::API::deploy_request"
	)
	for _, tt := range []struct {
		agent *obedientAgent
		want  []string
	}{{ours, []string{nodes, asked, deployed}}, {zeeks, []string{deployed}}, {everything, []string{deployed}}} {
		got := tt.agent.heard("Management::Agent::API::agent_welcome_request")
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s heard %q, want %q", tt.agent.name, got, tt.want)
		}
	}
}

// obedientAgent is a fake agent that answers every request with success.
type obedientAgent struct {
	name mgmt.InstanceName
	mu   sync.Mutex
	all  []string // the events that were meant for it
	say  func(mgmt.Message)
}

// heard returns what the agent heard but for one event.
func (a *obedientAgent) heard(except string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.all), func(name string) bool { return name == except })
}

// obedientAgent connects an agent that subscribes to these topics, too.
func (c *testCluster) obedientAgent(name mgmt.InstanceName, topics ...string) *obedientAgent {
	c.t.Helper()
	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	a := &obedientAgent{name: name}
	own := mgmt.AgentTopics + "/" + string(name)
	sub := endpoint.Subscribe(16, append(topics, own)...)
	c.t.Cleanup(sub.Close)
	c.inBackground(string(name), nil, func(ctx context.Context) error {
		return endpoint.Dial(ctx, c.peers, bus.DialConfig{})
	})
	say := func(msg mgmt.Message) { endpoint.Publish(own, codec.Encode(msg)) }
	a.say = say
	c.inBackground(string(name)+"'s answers", nil, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case happened := <-sub.Events():
				switch ev := happened.(type) {
				case bus.PeerAdded:
					say(mgmt.NotifyAgentHello{Instance: name, ID: endpoint.ID().String(), Connecting: true, APIVersion: mgmt.APIVersion})
				case bus.Message:
					msg, err := codec.Decode(ev.Value)
					if err != nil || ev.Topic != own {
						continue
					}
					a.mu.Lock()
					a.all = append(a.all, codec.Name(msg))
					a.mu.Unlock()
					a.obey(msg, say)
				}
			}
		}
	})
	return a
}

func (a *obedientAgent) obey(msg mgmt.Message, say func(mgmt.Message)) {
	done := mgmt.Result{Success: true, Instance: a.name}
	req, ok := msg.(mgmt.Request)
	if !ok {
		return
	}
	if _, deploys := req.(mgmt.AgentDeployRequest); deploys {
		done.Node = mgmt.NodeName("w-" + a.name)
	}
	say(req.Answer(req.RequestID(), done))
}
