package web

import (
	"context"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// listings bounds how often agents are asked to list their nodes for a better Snapshot.
type listings struct {
	every time.Duration

	mu   sync.Mutex
	last time.Time
}

// due reports whether agents may be asked now, and counts that as asking.
func (l *listings) due(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < l.every {
		return false
	}
	l.last = now
	return true
}

// listed returns a Snapshot. If it lacks what agents can tell, listed asks them first:
// agents announce no PIDs, and those of Zeek's own announce no states to a controller that
// has started since. Without their answer the Snapshot is as it is.
func (s views) listed(ctx context.Context) (*mgmt.Snapshot, error) {
	snap, err := s.snapshot(ctx)
	if err != nil || !lacks(snap) || !s.listings.due(time.Now()) {
		return snap, err
	}
	timed, cancel := context.WithTimeout(ctx, s.cfg.ListWait)
	defer cancel()
	s.cfg.Cluster.Submit(timed, askerOf(ctx).Principal, mgmt.GetNodesRequest{})
	return s.snapshot(ctx)
}

// lacks reports whether an agent that is connected has not told the state of a node that
// it is to run, or the PID of a node that runs.
func lacks(snap *mgmt.Snapshot) bool {
	for _, i := range snap.Instances {
		if i.Standing != mgmt.Ready {
			continue
		}
		for _, n := range i.Nodes {
			ours := n.MgmtRole == mgmt.RoleAgent || n.MgmtRole == mgmt.RoleController // they are no nodes of a configuration
			if !ours && (n.Since.IsZero() || n.State == mgmt.Running && n.PID == nil) {
				return true
			}
		}
	}
	return false
}
