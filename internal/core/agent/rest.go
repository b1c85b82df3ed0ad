package agent

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// rest is what is left of a deployment that was answered, at its deadline,
// before all of its nodes were up or had failed. The next deployment takes its
// place.
type rest struct {
	id      mgmt.ReqID
	awaited map[mgmt.NodeName]bool
	failed  map[mgmt.NodeName]string // why
}

// keepRest remembers which nodes r still waits for.
func (m *Machine) keepRest(r *request) {
	if len(r.awaited) > 0 {
		m.rest = &rest{id: r.id, awaited: maps.Clone(r.awaited), failed: map[mgmt.NodeName]string{}}
	}
}

// settleRest says that n is up, or why it is not, and publishes the outcome of
// the deployment if n was the last.
func (m *Machine) settleRest(n *node, why string) {
	d := m.rest
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
	m.rest = nil
	m.tell(mgmt.NotifyLog{Instance: m.cfg.Name, Msg: d.outcome()})
	m.emit(Note{Level: Info, Text: "deployment ended after its answer", ReqID: d.id})
}

func (d *rest) outcome() string {
	text := fmt.Sprintf("deployment %s is complete", d.id)
	if len(d.failed) > 0 {
		text = fmt.Sprintf("deployment %s has ended with failures", d.id)
	}
	for _, name := range slices.Sorted(maps.Keys(d.failed)) {
		text += fmt.Sprintf("; node %s: %s", name, d.failed[name])
	}
	return text
}
