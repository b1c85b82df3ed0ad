package agent

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// unfinishedDeployment is a deployment that was answered at its deadline, when not all
// of its nodes were up or had failed. The next deployment takes its place.
type unfinishedDeployment struct {
	id      mgmt.ReqID
	awaited map[mgmt.NodeName]bool
	failed  map[mgmt.NodeName]string // why
}

// keepUnfinished remembers which nodes r still waits for.
func (rs *requests) keepUnfinished(r *request) {
	if r.Settled() {
		return
	}
	rs.late = &unfinishedDeployment{id: r.ID, awaited: map[mgmt.NodeName]bool{}, failed: map[mgmt.NodeName]string{}}
	for _, n := range r.Awaited() {
		rs.late.awaited[n] = true
	}
}

// settleLate takes note that n is up, or of why n is not. After the last node of the
// unfinished deployment it publishes the outcome of that deployment.
func (rs *requests) settleLate(n *node, why string) {
	d := rs.late
	if d == nil || !d.awaited[n.name()] {
		return
	}
	delete(d.awaited, n.name())
	if why != "" {
		d.failed[n.name()] = why
	}
	if len(d.awaited) > 0 {
		return
	}
	rs.late = nil
	rs.tell(mgmt.NotifyLog{Instance: rs.cfg.Name, Msg: d.outcome()})
	rs.emit(Note{Level: Info, Text: "deployment ended after its answer", ReqID: d.id})
}

func (d *unfinishedDeployment) outcome() string {
	text := fmt.Sprintf("deployment %s is complete", d.id)
	if len(d.failed) > 0 {
		text = fmt.Sprintf("deployment %s has ended with failures", d.id)
	}
	for _, name := range slices.Sorted(maps.Keys(d.failed)) {
		text += fmt.Sprintf("; node %s: %s", name, d.failed[name])
	}
	return text
}
