package zeek_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestListens(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		backend zeek.Backend
		cluster mgmt.Configuration
		node    mgmt.NodeName
		want    []string
	}{
		"a Broker manager, loopback":  {"6.0.0", zeek.Broker, oneHost(), "manager", []string{"broker 127.0.0.1:2200"}},
		"a Broker manager, network":   {"7.0.0", zeek.Broker, twoHosts(), "manager", []string{"broker 0.0.0.0:2200", "metrics 10.0.0.1:9000"}},
		"a Broker worker":             {"8.0.0", zeek.Broker, twoHosts(), "worker-1", []string{"metrics 10.0.0.2:9003"}},
		"a worker with WebSocket":     {"8.2.2", zeek.Broker, twoHosts(), "worker-1", []string{"metrics 10.0.0.2:9003", "websocket 127.0.0.1:41001"}},
		"a ZeroMQ manager, one host":  {"7.2.0", zeek.ZeroMQ, clusterOf([2]string{"10.0.0.1", "10.0.0.1"}), "manager", []string{"zeromq proxy 127.0.0.1:5555", "zeromq proxy 127.0.0.1:5556", "metrics 10.0.0.1:9000"}},
		"a ZeroMQ manager, two hosts": {"7.2.0", zeek.ZeroMQ, twoHosts(), "manager", []string{"zeromq proxy 10.0.0.1:5555", "zeromq proxy 10.0.0.1:5556", "metrics 10.0.0.1:9000"}},
		"a ZeroMQ logger":             {"7.2.0", zeek.ZeroMQ, twoHosts(), "logger-1", []string{"zeromq logger 10.0.0.1:2201", "metrics 10.0.0.1:9001"}},
		"a ZeroMQ proxy":              {"7.2.0", zeek.ZeroMQ, twoHosts(), "proxy-1", []string{"metrics 10.0.0.2:9002"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, tc.version, tc.cluster, tc.node)
			d.Backend = tc.backend
			listens, err := d.Listens()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range listens {
				got = append(got, l.What+" "+l.Addr.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Listens (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListensOfAnImpossibleDeploymentIsAnError(t *testing.T) {
	d := deployment(t, "8.0.0", oneHost(), "manager")
	d.Site.AgentAddr = netip.AddrPort{}
	if got, err := d.Listens(); err == nil {
		t.Errorf("Listens() = %v, want an error", got)
	}
}
