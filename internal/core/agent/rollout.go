package agent

import (
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A rollout has no state of its own. Whatever is to be stopped is stopped tier
// by tier, and a tier that takes too long stops holding up the others. Nodes that
// are to be started afresh start when all of them that ran have ended, the
// loggers first, the workers last, and no tier waits for another: nodes try
// again every second to reach each other. What a node needs may still be held by
// one that goes away; then it waits for that one alone. A node that ended by
// itself is no part of that: it is started again when it is due.

// advance asks for every stop and start whose turn has come.
func (m *Machine) advance() {
	held := m.advanceStops()
	switch m.mode {
	case serving:
		m.advanceStarts(held)
	case stopping:
		m.finishShutdown()
	}
}

// advanceStops reports whether a node that is to be started afresh has yet to
// end, for which the others wait.
func (m *Machine) advanceStops() (held bool) {
	blocked := false
	for t := range tierCount {
		tier := m.tiers[tierCount-1-t]
		wait := blocked
		for _, n := range tier {
			p := n.proc
			if p == nil || !p.halt {
				continue
			}
			if p.phase == alive && !wait {
				p.phase, p.stopped = ending, m.now
				m.emit(Stop{Node: n.name(), Launch: p.launch})
			}
			blocked = blocked || m.blocks(p)
			held = held || n.wanted && m.blocks(p)
		}
	}
	return held
}

// blocks reports whether a process that is to end holds up other nodes.
func (m *Machine) blocks(p *process) bool {
	return p.phase == alive || p.stuck == "" && m.now.Before(m.stopGate(p))
}

// stopGate returns until when a process that is to end holds up other nodes.
func (m *Machine) stopGate(p *process) time.Time {
	if p.phase == ending {
		return p.stopped.Add(m.cfg.StopGate)
	}
	return p.haltAt.Add(m.cfg.StopGate)
}

func (m *Machine) advanceStarts(held bool) {
	leaving := m.heldByLeaving()
	starting := len(m.sortedNodes(func(n *node) bool { return n.proc != nil && n.proc.starts(m.now) }))
	for _, tier := range m.tiers {
		for _, n := range tier {
			switch {
			case !n.wanted || n.proc != nil || n.unseen != "":
			case !n.fresh:
				if !m.now.Before(n.due) {
					m.launch(n)
				}
			case !held && starting < m.cfg.MaxStarting && !leaving.have(n.plan.Node):
				starting++
				m.launch(n)
			}
		}
	}
}

// starts reports whether the process counts among those that are starting.
func (p *process) starts(now time.Time) bool {
	return !p.halt && p.state == mgmt.Pending && now.Before(p.gate)
}

// holdings are what processes have that are to end for good, and for which
// others must wait. A process of which nobody knows has everything.
type holdings struct {
	everything bool
	ports      map[mgmt.Port]bool
	devices    map[string]bool
	manager    bool // which has ports that the configuration does not name
}

func (m *Machine) heldByLeaving() holdings {
	h := holdings{ports: map[mgmt.Port]bool{}, devices: map[string]bool{}}
	for _, n := range m.nodes {
		p := n.proc
		if p == nil || !p.halt || !m.blocks(p) {
			continue
		}
		if p.spec == nil {
			h.everything = true
			continue
		}
		for _, port := range ports(*p.spec) {
			h.ports[port] = true
		}
		h.devices[captures(*p.spec)] = true
		h.manager = h.manager || p.spec.Role == mgmt.Manager
	}
	delete(h.devices, "")
	return h
}

// have reports whether something that n needs for itself is among h.
func (h holdings) have(n mgmt.Node) bool {
	return h.everything || h.devices[captures(n)] || h.manager && n.Role == mgmt.Manager ||
		slices.ContainsFunc(ports(n), func(p mgmt.Port) bool { return h.ports[p] })
}

// ports returns the ports on which n listens.
func ports(n mgmt.Node) []mgmt.Port {
	var list []mgmt.Port
	for _, p := range []*mgmt.Port{n.Port, n.MetricsPort} {
		if p != nil && p.Number != 0 {
			list = append(list, *p)
		}
	}
	return list
}

// captures returns what n captures on, without the packet source.
func captures(n mgmt.Node) string {
	if n.Interface == nil {
		return ""
	}
	if _, device, ok := strings.Cut(*n.Interface, "::"); ok {
		return device
	}
	return *n.Interface
}

func (m *Machine) launch(n *node) {
	m.launches++
	m.moments++
	n.proc = &process{
		launch:      m.launches,
		fingerprint: n.fingerprint,
		spec:        new(n.plan.Node),
		moment:      m.moments,
		since:       m.now,
		state:       mgmt.Pending,
		late:        m.now.Add(m.cfg.startDeadline(n.plan.Node.Role)),
	}
	if n.fresh {
		n.proc.gate = m.now.Add(m.cfg.StartGate)
	}
	n.fresh = false
	m.setState(n, mgmt.Pending)
	m.emit(Start{Launch: n.proc.launch, Plan: n.plan, Fingerprint: n.fingerprint})
}

// halt has n's process stopped when its turn comes. Whoever waits for its
// answer need not wait longer.
func (m *Machine) halt(n *node) {
	p := n.proc
	if p == nil {
		return
	}
	if p.halt {
		m.tryAgain(p)
		return
	}
	p.halt, p.haltAt = true, m.now
	m.failDispatches(n, "cluster node "+string(n.name())+" was stopped")
}

// relaunch has n started afresh, after its present process was stopped.
func (m *Machine) relaunch(n *node) {
	n.failures = 0
	m.relaunchAs(n)
}

// wakeFor adds the times at which something about n must be decided. Gates
// that have passed decide nothing any more.
func (m *Machine) wakeFor(n *node, w *wake) {
	p := n.proc
	if p == nil {
		if m.mode == serving && n.wanted && !n.fresh && n.unseen == "" {
			w.at(n.due)
		}
		return
	}
	if p.halt {
		if p.stuck == "" {
			m.wakeAfterNow(m.stopGate(p), w)
		}
		return
	}
	if p.state == mgmt.Pending {
		m.wakeAfterNow(p.gate, w)
		m.wakeAfterNow(p.late, w)
	}
}

func (m *Machine) wakeAfterNow(t time.Time, w *wake) {
	if t.After(m.now) {
		w.at(t)
	}
}
