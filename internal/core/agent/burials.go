package agent

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// burials lists the processes that have ended and whose Buried has not come yet:
// their logs and crash records are not safe. A node in the list is not started,
// because its next process would run in the same directory.
type burials map[mgmt.NodeName]burial

// burial lists such processes of one node.
type burial struct {
	launches []uint64
	since    time.Time // when the latest of them ended
}

func (b burials) begin(now time.Time, n mgmt.NodeName, launch uint64) {
	b[n] = burial{append(b[n].launches, launch), now}
}

func (b burials) end(ev Buried) {
	left := b[ev.Node]
	left.launches = slices.DeleteFunc(left.launches, func(launch uint64) bool { return launch == ev.Launch })
	if len(left.launches) == 0 {
		delete(b, ev.Node)
		return
	}
	b[ev.Node] = left
}

// of reports whether a process of n is not buried yet. The process may be from the
// time before n was removed and deployed again.
func (b burials) of(n *node) bool { return len(b[n.name()].launches) > 0 }

// gate returns until when the burials of n hold up other nodes. They hold up
// nobody, and gate returns the zero time, if n is not to be started afresh.
func (b burials) gate(n *node, patience time.Duration) time.Time {
	if !n.startable() || !n.fresh || !b.of(n) {
		return time.Time{}
	}
	return b[n.name()].since.Add(patience)
}

// burialsHold reports whether a node that is to be started afresh is not buried
// yet. All nodes that are to be started afresh wait for it, so that the loggers
// start first.
func (r *rollout) burialsHold() bool {
	for _, n := range r.nodes.named {
		if r.now.Before(r.burials.gate(n, r.last.stopGate(&r.cfg))) {
			return true
		}
	}
	return false
}
