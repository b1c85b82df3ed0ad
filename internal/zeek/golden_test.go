package zeek_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestLaunchesByVersionBackendAndHosts(t *testing.T) {
	for _, v := range []string{"5.0.0", "6.0.0", "7.0.0", "7.2.0", "8.0.0", "8.2.2", "9.0.0"} {
		for _, backend := range []zeek.Backend{zeek.Broker, zeek.ZeroMQ} {
			if backend == zeek.ZeroMQ && !version(t, v).AtLeast(7, 1) {
				continue
			}
			for hosts, c := range map[string]mgmt.Configuration{"one-host": oneHost(), "two-hosts": twoHosts()} {
				name := fmt.Sprintf("%s-%s-%s", v[:3], backend, hosts)
				t.Run(name, func(t *testing.T) {
					golden.Check(t, filepath.Join("testdata", "golden", name+".txt"), launches(t, v, backend, c), *update)
				})
			}
		}
	}
}

// On one host, a cluster has no keys if the settings turn them off, or if its nodes run
// since before they could have keys.
func TestLaunchesWithZeroMQAndWithoutKeys(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Backend = zeek.ZeroMQ
	d.Site.ZeroMQ = zeek.ZeroMQSite{XPubPort: 30000, XSubPort: 30001, Keyless: "zeek.zeromq_curve is off"}
	golden.Check(t, filepath.Join("testdata", "golden", "8.2-zeromq-one-host-keyless.txt"), launchOf(t, d), *update)
}

// Likewise with Broker.
func TestLaunchesWithBrokerAndWithoutCertificates(t *testing.T) {
	for _, v := range []string{"7.0.0", "8.2.2"} {
		d := deployment(t, v, oneHost(), "worker-1")
		d.Site.BrokerOpen = "zeek.broker_tls is off"
		golden.Check(t, filepath.Join("testdata", "golden", v[:3]+"-broker-one-host-open.txt"), launchOf(t, withSocketTLS(d)), *update)
	}
}

func TestLaunchesWithUpstreamsNodeScript(t *testing.T) {
	for _, v := range []string{"5.0.0", "5.1.0", "6.0.0", "7.0.0", "7.1.0", "7.2.0", "8.0.0", "8.1.0", "8.2.2", "9.0.0"} {
		t.Run(v, func(t *testing.T) {
			d := deployment(t, v, oneHost(), "worker-1")
			d.NodeScript = zeek.UpstreamNodeScript
			options := generate(t, d).Files[1]
			golden.Check(t, filepath.Join("testdata", "golden", v[:3]+"-upstream.txt"), options.Content, *update)
		})
	}
}

// launches renders the launch of a cluster's manager, logger and worker.
func launches(t *testing.T, v string, backend zeek.Backend, c mgmt.Configuration) string {
	var b strings.Builder
	for _, node := range []mgmt.NodeName{"manager", "logger-1", "worker-1"} {
		d := deployment(t, v, c, node)
		d.Backend = backend
		d.Site.ZeroMQ.Curve = &documentedKeys
		if d.Plan.Cluster["manager"].Host.IsLoopback() {
			d.Site.BrokerTLS.Own = &zeek.ClusterTLS{Certificate: "certificate\n", Key: "key\n", Authority: "authority\n"}
		}
		b.WriteString(launchOf(t, withSocketTLS(d)))
	}
	return b.String()
}

// launchOf renders the launch of a node.
func launchOf(t *testing.T, d zeek.Deployment) string {
	var b strings.Builder
	g, cmd := generate(t, d), command(t, d)
	fmt.Fprintf(&b, "==== %s ====\n", d.Plan.Node.Name)
	for _, f := range g.Files[:2] { // the other files are the node script, equal for all nodes
		fmt.Fprintf(&b, "-- %s %o --\n%s", f.Name, f.Mode, f.Content)
	}
	for _, f := range g.Files[2:] {
		fmt.Fprintf(&b, "-- %s %o --\n", f.Name, f.Mode)
	}
	for _, dir := range g.Dirs {
		fmt.Fprintf(&b, "dir: %s\n", dir)
	}
	for _, w := range slices.Concat(g.Warnings, g.ClusterWarnings) {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	fmt.Fprintf(&b, "argv: %s\n", strings.Join(cmd.Argv, "\n      "))
	fmt.Fprintf(&b, "env: %s\n", strings.Join(cmd.Env, "\n     "))
	return b.String()
}
