package zeek_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

const pluginList = `Zeek::AF_Packet - Packet acquisition via AF_Packet (built-in)
Zeek::Broker_Serializer - Event serialization using Broker event formats (binary and json) (built-in)
Zeek::Cluster_Backend_Broker - Cluster backend using Broker (built-in)
Zeek::Cluster_Backend_None - A no-op cluster backend (built-in)
Zeek::Cluster_Backend_ZeroMQ - Cluster backend using ZeroMQ (built-in)
Zeek::Cluster_WebSocket - Provides WebSocket access to a Zeek cluster (built-in)
`

func TestParsePlugins(t *testing.T) {
	without := func(b string) string {
		return strings.ReplaceAll(pluginList, "Zeek::Cluster_Backend_"+b+" -", "Zeek::Other -")
	}
	both := []zeek.Backend{zeek.Broker, zeek.ZeroMQ}
	for name, tt := range map[string]struct {
		version, output string
		want            []zeek.Backend
	}{
		"both":                      {"8.2.2", pluginList, both},
		"one that is a plugin file": {"9.0.0", strings.ReplaceAll(pluginList, "ZeroMQ (built-in)", "ZeroMQ (dynamic, version 1.0.0)"), both},
		"without Broker":            {"9.0.0", without("Broker"), []zeek.Backend{zeek.ZeroMQ}},
		"without ZeroMQ":            {"8.2.2", without("ZeroMQ"), []zeek.Backend{zeek.Broker}},
		"neither":                   {"9.0.0", "Zeek::ARP - ARP\n", []zeek.Backend{}},
		"before the plugins":        {"7.0.3", "Zeek::ARP - ARP\n", []zeek.Backend{zeek.Broker}},
		"no list":                   {"8.2.2", "fatal error: cannot load plugin library\n", nil},
		"a plugin of the site":      {"8.2.2", "Site::Cluster_Backend_ZeroMQ - x\n", nil},
		"a list without an end":     {"8.2.2", pluginList + strings.Repeat("Zeek::X - y\n", 100_000), both},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, zeek.ParsePlugins(version(t, tt.version), tt.output)); diff != "" {
				t.Errorf("ParsePlugins (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParsePlugins(f *testing.F) {
	f.Add(9, 0, pluginList)
	f.Add(5, 0, "Zeek::X - \xff")
	f.Fuzz(func(t *testing.T, major, minor int, output string) {
		found := zeek.ParsePlugins(zeek.Version{Major: major, Minor: minor}, output)
		if len(found) > 2 || len(found) == 2 && found[0] == found[1] {
			t.Errorf("found %v", found)
		}
		zeek.ParseProbe(output)
	})
}

func TestMissingBackendIsRefusedByName(t *testing.T) {
	for name, tt := range map[string]struct {
		version string
		change  func(*zeek.Deployment)
		want    string
	}{
		"ZeroMQ": {"8.2.2", func(d *zeek.Deployment) {
			d.Backend, d.Install.Backends = zeek.ZeroMQ, []zeek.Backend{zeek.Broker}
		}, "/opt/zeek/bin/zeek was built without the cluster backend \"zeromq\": `/opt/zeek/bin/zeek -b -N` lists broker;"},
		"Broker": {"9.0.0", func(d *zeek.Deployment) {
			d.Backend, d.Install.Backends = zeek.Broker, []zeek.Backend{zeek.ZeroMQ}
		}, `was built without the cluster backend "broker"`},
		"any": {"9.0.0", func(d *zeek.Deployment) { d.Install.Backends = []zeek.Backend{} }, "lists none;"},
		"Broker for the agent": {"9.0.0", func(d *zeek.Deployment) {
			d.AgentProtocol, d.Install.Backends = zeek.AgentBroker, []zeek.Backend{zeek.ZeroMQ}
		}, `was built without Broker, which the node transport "broker" needs: set zeek.transport to "websocket"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, tt.version, oneHost(), "logger-1")
			tt.change(&d)
			if _, err := d.Generate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// A Zeek without Broker has no identifier of Broker. A node that nobody can speak with has
// no node script, and says so.
func TestLaunchesWithoutBroker(t *testing.T) {
	for name, frees := range map[string]bool{"9.0-without-broker": true, "9.0-without-broker-mute": false} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, "9.0.0", oneHost(), "logger-1")
			d.Install.Backends, d.Install.FreesLogPort = []zeek.Backend{zeek.ZeroMQ}, frees
			d.Site.ZeroMQ.Curve = &documentedKeys
			if frees {
				d = withSocketTLS(d)
			} else {
				d.Secret, d.WebSocketPort = "", 0
			}
			text := launchOf(t, d)
			if strings.Contains(text, "Broker::") || strings.Contains(text, "frameworks/management") {
				t.Error("the launch needs Broker")
			}
			golden.Check(t, filepath.Join("testdata", "golden", name+".txt"), text, *update)
		})
	}
}
