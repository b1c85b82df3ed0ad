package daemon

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Revision returns a revision that is deployed or was deployed before, with its
// configuration. If it is not there, or if its configuration is not kept, the error is a
// *mgmt.NoRevisionError. Any goroutine may call it while Run runs. The loop of the
// controller does not read the configuration, and does not wait.
func (c *Controller) Revision(ctx context.Context, revision uint64) (*mgmt.ConfigRevision, error) {
	snap, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if d := snap.Deployed; d != nil && d.Revision == revision {
		return d, nil
	}
	if _, err := snap.Past(revision); err != nil {
		return nil, err
	}
	key := controller.DeployedKey(revision)
	entries, _, err := c.cfg.Store.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 { // a deployment has just taken its place
		return nil, &mgmt.NoRevisionError{Revision: revision, Described: true, Reason: "is described in the history, but its configuration is not kept any more"}
	}
	entry, err := controller.ReadEntry(entries[0].Value)
	if err != nil {
		return nil, err
	}
	return entry.View(), nil
}
