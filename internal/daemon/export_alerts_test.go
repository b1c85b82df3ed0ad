package daemon

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// RunAlerts watches a cluster until ctx is done.
func RunAlerts(ctx context.Context, a *Alerts, cluster interface {
	Snapshot(context.Context) (*mgmt.Snapshot, error)
	Changed() <-chan struct{}
}) error {
	return a.run(ctx, cluster)
}
