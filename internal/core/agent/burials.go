package agent

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// burials are the processes that have ended, and whose logs and crash records are
// not safe yet. A node that has any is not started: its next process would run in
// the same directory.
type burials map[mgmt.NodeName]burial

// burial is what is buried of one node.
type burial struct {
	launches []uint64
	since    time.Time // the latest end
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

// of reports whether anything of n is being buried. That may have begun before n
// was forgotten and came back.
func (b burials) of(n *node) bool { return len(b[n.name()].launches) > 0 }

// gate returns until when what is buried of n holds up other nodes. The zero time
// says that it does not: n is not to be started afresh.
func (b burials) gate(n *node, patience time.Duration) time.Time {
	if !n.wanted || !n.fresh || !b.of(n) {
		return time.Time{}
	}
	return b[n.name()].since.Add(patience)
}

// burialsHold reports whether a node that is to be started afresh has yet to be buried.
// All nodes that are to be started afresh wait for that, so that the loggers come
// first.
func (r *rollout) burialsHold() bool {
	for _, n := range r.named {
		if r.now.Before(r.burials.gate(n, r.cfg.StopGate)) {
			return true
		}
	}
	return false
}
