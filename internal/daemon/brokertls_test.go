package daemon_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// brokerFacts is what the record of a launch says of Broker.
type brokerFacts struct {
	Peers string
	TLS   struct{ Authority, Certificate, Key string }
}

func (z *zeekAgent) brokerFacts(node mgmt.NodeName) brokerFacts {
	z.t.Helper()
	text, err := os.ReadFile(z.launchRecord(node))
	if err != nil {
		z.t.Fatal(err)
	}
	var rec struct{ Facts struct{ Broker brokerFacts } }
	if err := json.Unmarshal(text, &rec); err != nil {
		z.t.Fatal(err)
	}
	return rec.Facts.Broker
}

// certified returns the nodes that have a certificate of their agent.
func (z *zeekAgent) certified() (nodes []client.NodeName) {
	z.t.Helper()
	for _, n := range z.nodes() {
		if z.brokerFacts(mgmt.NodeName(n.Name)).Peers == "own" {
			nodes = append(nodes, n.Name)
		}
	}
	return nodes
}

// withBrokerTLS lets the agent make certificates for its nodes.
func (z *zeekAgent) withBrokerTLS(c *launch.ZeekConfig) {
	var err error
	if c.Broker, err = launch.OpenBrokerState(filepath.Join(z.dir, "broker.json"), slog.New(slog.DiscardHandler)); err != nil {
		z.t.Error(err)
	}
	c.AgentShows = true
}

// admits reports whether the node peers with an endpoint that has these certificates.
func (z *zeekAgent) admits(node client.Node, id *bus.TLS, transport bus.Transport) bool {
	z.t.Helper()
	endpoint, err := bus.New(bus.Config{TLS: id})
	if err != nil {
		z.t.Fatal(err)
	}
	sub := endpoint.Subscribe(0, "zeek/cluster/")
	defer sub.Close()
	outcome := make(chan bool, 2)
	ctx, cancel := context.WithCancel(z.t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	attempts := 0
	parts.Go(func() {
		endpoint.Dial(ctx, fmt.Sprintf("127.0.0.1:%d", node.Port.Number), bus.DialConfig{
			Transport: transport, Retry: time.Millisecond,
			Connect: func(ctx context.Context, addr string) (net.Conn, error) {
				if attempts++; attempts == 2 { // the node has ended the first connection
					outcome <- false
				}
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			},
		})
	})
	parts.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case ev := <-sub.Events():
				if _, ok := ev.(bus.PeerAdded); ok {
					outcome <- true
					return
				}
			}
		}
	})
	return patience.Next(z.t, outcome, "the end of the handshake")
}

// bus returns the certificates of a node as an endpoint uses them.
func (f brokerFacts) bus(t *testing.T) *bus.TLS {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(f.TLS.Certificate), []byte(f.TLS.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(f.TLS.Authority))
	return bus.FixedTLS(pair, roots)
}

// The nodes of two clusters on one host: who has no certificate of a cluster does not get
// into it. Before Zeek 8.1, the agent shows its nodes a certificate as well.
func TestStrangerCannotPeerWithTheNodesOfABrokerCluster(t *testing.T) {
	for _, version := range []string{"7.0.0", "8.2.2"} {
		t.Run(version, func(t *testing.T) {
			var clusters [2]*zeekAgent
			var nodes [2][]client.Node
			for i := range clusters {
				z := newZeekAgent(t, version, nil)
				z.change = z.withBrokerTLS
				z.start()
				nodes[i] = z.nodes()
				z.deployAll(nodes[i]...)
				z.expectAnswers(4)
				clusters[i] = z
			}
			z, foreign := clusters[0], clusters[1].brokerFacts("worker-1").bus(t)
			if got := z.remark(); got != "" {
				t.Errorf("the status of the nodes says %q", got)
			}
			for _, node := range nodes[0][:2] {
				if !z.admits(node, z.brokerFacts("worker-1").bus(t), bus.TransportTLS) {
					t.Errorf("%s refuses the other nodes of its cluster", node.Name)
				}
				for name, stranger := range map[string]func() bool{
					"plain text":             func() bool { return z.admits(node, nil, bus.TransportPlain) },
					"TLS, no certificate":    func() bool { return z.admits(node, nil, bus.TransportTLS) },
					"another cluster's node": func() bool { return z.admits(node, foreign, bus.TransportTLS) },
				} {
					if stranger() {
						t.Errorf("%s peers with a stranger: %s", node.Name, name)
					}
				}
			}
		})
	}
}

// As TestRunningZeroMQClusterIsNotHalfConvertedByAnUpgrade: a node with certificates cannot
// peer with nodes that have none.
func TestRunningBrokerClusterIsNotHalfConvertedByAnUpgrade(t *testing.T) {
	for _, version := range []string{"7.0.0", "8.2.2"} {
		t.Run(version, func(t *testing.T) {
			upgraded := false
			z := newZeekAgent(t, version, nil)
			z.change = func(c *launch.ZeekConfig) {
				if upgraded {
					z.withBrokerTLS(c)
				}
			}
			z.start()
			nodes := z.nodes()
			z.deployAll(nodes...)
			before := z.pids()
			z.stop()
			for _, n := range nodes {
				z.recordWithout(mgmt.NodeName(n.Name), 2, "broker")
			}
			upgraded = true
			z.start()
			for range before {
				z.await("", client.Running)
			}
			z.deployAll(nodes...) // the same configuration
			if diff := cmp.Diff(before, z.pids()); diff != "" {
				t.Errorf("PIDs changed with the upgrade (-before +after):\n%s", diff)
			}
			if got := z.remark(); !strings.Contains(got, "its nodes do not authenticate each other over Broker") {
				t.Errorf("the status of the nodes says %q", got)
			}
			for _, node := range []client.NodeName{"worker-1", "manager"} {
				z.crash(node)
				z.expectAnswers(4)
			}
			if got := z.certified(); len(got) > 0 || !z.admits(nodes[0], nil, bus.TransportPlain) {
				t.Errorf("%v have certificates, the others have none", got)
			}
			z.restart()
			if got := z.certified(); len(got) != 4 || z.admits(nodes[0], nil, bus.TransportPlain) {
				t.Errorf("after a restart of all nodes, %v have certificates", got)
			}
			if got := z.remark(); strings.Contains(got, "do not authenticate") {
				t.Errorf("the status of nodes with certificates says %q", got)
			}
			// The file is lost, and the agent is another one: a node that restarts alone
			// still has the certificate of the others, and still finds its agent.
			z.stop()
			if err := os.Remove(filepath.Join(z.dir, "broker.json")); err != nil {
				t.Fatal(err)
			}
			z.start()
			for range before {
				z.await("", client.Running)
			}
			z.crash("worker-2")
			z.expectAnswers(4)
			if z.brokerFacts("worker-2") != z.brokerFacts("manager") {
				t.Error("worker-2 has another certificate than the manager")
			}
		})
	}
}
