package daemon_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestNodesThatProveNothingAreWarnedOfOnceForEachDeployment deploys three nodes
// with addresses of two hosts, restarts one, and deploys another cluster.
func TestNodesThatProveNothingAreWarnedOfOnceForEachDeployment(t *testing.T) {
	var log strings.Builder
	warn := daemon.ClusterWarnings(slog.New(slog.NewTextHandler(&log, nil)))
	cluster := func(hosts ...string) map[mgmt.NodeName]mgmt.ClusterEndpoint {
		c := map[mgmt.NodeName]mgmt.ClusterEndpoint{}
		for i, host := range hosts {
			c[mgmt.NodeName(fmt.Sprint("n", i))] = mgmt.ClusterEndpoint{Role: mgmt.Worker, Host: netip.MustParseAddr(host), MetricsPort: new(mgmt.TCPPort(9000))}
		}
		return c
	}
	const first, second = "192.0.2.1", "192.0.2.2"
	for i, tt := range []struct {
		hosts    []string
		warnings []string
		lines    int // so far
	}{
		{[]string{first, second}, []string{"unproven"}, 1},
		{[]string{first, second}, []string{"unproven"}, 1}, // the second node, or a restart
		{[]string{first}, nil, 1},
		{[]string{first, second, second}, []string{"unproven"}, 2}, // another deployment
		{[]string{first, second, second}, []string{"unproven"}, 2},
	} {
		warn(cluster(tt.hosts...), tt.warnings)
		if got := strings.Count(log.String(), "cluster is deployed with reservations"); got != tt.lines {
			t.Errorf("launch %d: %d lines, want %d", i, got, tt.lines)
		}
	}
}
