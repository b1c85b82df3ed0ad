package daemon

import (
	"context"
	"crypto/x509"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// HostOfAlerts is what the alerts get of a sample.
var HostOfAlerts = hostOf

// RunAlerts watches a cluster until ctx is done.
func RunAlerts(ctx context.Context, a *Alerts, cluster interface {
	Snapshot(context.Context) (*mgmt.Snapshot, error)
	Changed() <-chan struct{}
	PeerCertificates() map[mgmt.PeerID]*x509.Certificate
}) error {
	return a.run(ctx, cluster)
}
