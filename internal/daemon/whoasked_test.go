package daemon_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// listenedController runs a controller that logs to a handler.
func listenedController(t *testing.T, log slog.Handler) *testCluster {
	t.Helper()
	broker, websocket := listen(t), listen(t)
	c := &testCluster{t: t, dir: t.TempDir(), peers: broker.Addr().String(), clients: websocket.Addr().String()}
	c.inBackground("controller", nil, func(ctx context.Context) error {
		return daemon.NewController(daemon.ControllerConfig{
			Store: c.open("controller"), Broker: broker, WebSocket: websocket, Logger: slog.New(log),
		}).Run(ctx)
	})
	return c
}

// TestPeersOfTheBrokerPortAreNoClients has a native peer ask what clients ask.
func TestPeersOfTheBrokerPortAreNoClients(t *testing.T) {
	refusals := heard{"request refused: peers of the Broker port are no clients", make(chan string, 10)}
	cluster := listenedController(t, refusals)
	peer, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := peer.Subscribe(64, mgmt.ControllerTopic)
	defer sub.Close()
	cluster.inBackground("peer", nil, func(ctx context.Context) error {
		return peer.Dial(ctx, cluster.peers, bus.DialConfig{})
	})
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	peer.Publish(mgmt.ControllerTopic, codec.Encode(mgmt.StageConfigurationRequest{
		ReqID: "q", Config: mgmt.Configuration{ID: "forged"},
	}))
	if line := patience.Next(t, refusals.lines, "the log to say who is refused"); !strings.Contains(line, "peer="+peer.ID().String()) || !strings.Contains(line, "addr=127.0.0.1:") {
		t.Errorf("the log says %s", line)
	}
	conn := cluster.client()
	defer conn.Close()
	if r, err := conn.GetConfiguration(t.Context(), false); err != nil || r.Success {
		t.Errorf("staged is %+v, %v; want nothing", r, err)
	}
}

// TestTheLogSaysWhoStagedAndDeployed expects address, user and origin in the log.
func TestTheLogSaysWhoStagedAndDeployed(t *testing.T) {
	for message, ask := range map[string]func(*client.Client) error{
		"configuration staged": func(*client.Client) error { return nil },
		"deployment begins": func(c *client.Client) error {
			_, err := c.Deploy(t.Context())
			return err
		},
	} {
		t.Run(message, func(t *testing.T) {
			said := heard{message, make(chan string, 10)}
			cluster := listenedController(t, said)
			conn := cluster.client()
			defer conn.Close()
			if _, err := conn.Stage(t.Context(), client.Configuration{ID: "c"}); err != nil {
				t.Fatal(err)
			}
			if err := ask(conn); err != nil {
				t.Fatal(err)
			}
			line := patience.Next(t, said.lines, "the log to say who asks")
			for _, want := range []string{"addr=127.0.0.1:", fmt.Sprintf("(uid %d)", os.Geteuid()), "peer=" + conn.Endpoint()} {
				if !strings.Contains(line, want) {
					t.Errorf("the log says %s, without %s", line, want)
				}
			}
		})
	}
}

func TestCertificatesSayWhichInstancesTheirAgentsAre(t *testing.T) {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "s1"}, DNSNames: []string{"s1.example"}}
	for name, tt := range map[string]struct {
		names map[string][]string
		want  []mgmt.InstanceName
		any   bool
	}{
		"its own names":               {nil, []mgmt.InstanceName{"s1", "s1.example"}, false},
		"what the settings add":       {map[string][]string{"s1.example": {"sensor-1", "spare"}, "s2": {"x"}}, []mgmt.InstanceName{"s1", "s1.example", "sensor-1", "spare"}, false},
		"all, if the settings say so": {map[string][]string{"s1": {"*"}}, []mgmt.InstanceName{"s1", "*", "s1.example"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, any := daemon.Instances(daemon.ControllerConfig{AgentNames: tt.names}, cert)
			if !slices.Equal(got, tt.want) || any != tt.any {
				t.Errorf("got %v, %t; want %v, %t", got, any, tt.want, tt.any)
			}
		})
	}
}
