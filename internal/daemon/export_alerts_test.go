package daemon

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// HostOfAlerts is what the alerts get of a sample.
var HostOfAlerts = hostOf

// LookWait returns how long the next look of alerts at a cluster must wait after one that was a
// while ago.
func LookWait(instances int, ago, least time.Duration) time.Duration {
	var l looks
	now := time.Now()
	l.looked(now.Add(-ago), instances)
	return l.wait(now, least)
}

// RunAlerts watches a cluster until ctx is done.
func RunAlerts(ctx context.Context, a *Alerts, cluster interface {
	Snapshot(context.Context) (*mgmt.Snapshot, error)
	Changed() <-chan struct{}
	PeerCertificates() map[mgmt.PeerID]*x509.Certificate
}) error {
	return a.run(ctx, cluster)
}
