package agent

import (
	"time"

	"zeekfleet/internal/mgmt"
)

// A rollout has no state of its own. Whatever is to be stopped is stopped tier
// by tier, then whatever is to be started is started tier by tier, and a tier
// that takes too long stops holding up the others. A node that ended by itself
// is no part of that: it is started again when it is due.

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

// advanceStops reports whether starts must wait for it.
func (m *Machine) advanceStops() (held bool) {
	for t := range tierCount {
		blocked := false
		for _, n := range m.tiers[tierCount-1-t] {
			p := n.proc
			if p == nil || !p.halt {
				continue
			}
			if p.phase == alive && !held {
				p.phase, p.stopped = ending, m.now
				m.emit(Stop{Node: n.name(), Launch: p.launch})
			}
			blocked = blocked || p.phase == alive || p.stuck == "" && m.now.Before(m.stopGate(p))
		}
		held = held || blocked
	}
	return held
}

// stopGate returns until when a process that is to end holds up other nodes.
func (m *Machine) stopGate(p *process) time.Time {
	if p.phase == ending {
		return p.stopped.Add(m.cfg.StopGate)
	}
	return p.haltAt.Add(m.cfg.StopGate)
}

func (m *Machine) advanceStarts(held bool) {
	for _, tier := range m.tiers {
		blocked := false
		for _, n := range tier {
			if n.wanted && n.proc == nil && m.mayStart(n, held) {
				m.launch(n)
			}
			blocked = blocked || n.proc != nil && n.proc.holdsUp(m.now)
		}
		held = held || blocked
	}
}

func (m *Machine) mayStart(n *node, held bool) bool {
	if n.unseen != "" {
		return false
	}
	if n.fresh {
		return !held
	}
	return !m.now.Before(n.due)
}

func (p *process) holdsUp(now time.Time) bool {
	return !p.halt && p.state == mgmt.Pending && now.Before(p.gate)
}

func (m *Machine) launch(n *node) {
	m.launches++
	m.moments++
	n.proc = &process{
		launch: m.launches,
		hash:   n.hash,
		moment: m.moments,
		since:  m.now,
		state:  mgmt.Pending,
		late:   m.now.Add(m.cfg.startDeadline(n.plan.Node.Role)),
	}
	if n.fresh {
		n.proc.gate = m.now.Add(m.cfg.StageGate)
	}
	n.fresh = false
	m.setState(n, mgmt.Pending)
	m.emit(Start{Launch: n.proc.launch, Plan: n.plan, Hash: n.hash})
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
