package agent

import (
	"strings"

	"zeekfleet/internal/mgmt"
)

// standby makes nothing desired, and answers when no process is left (spec
// management-api 7.2, G-A4).
func (m *Machine) standby(r *request) {
	m.propose(change{request: r})
}

func (m *Machine) awaitGone(r *request) {
	for _, n := range m.nodes {
		if n.obstacle() == "" {
			r.awaited[n.name()] = true
		}
	}
	m.standbyIfDone(r)
}

func (m *Machine) standbyIfDone(r *request) {
	if len(r.awaited) == 0 {
		why := strings.Join(m.obstacles(), "; ")
		r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Success: why == "", Error: why})}
		m.close(r)
	}
}

// shutdown has every process stopped and none started any more.
func (m *Machine) shutdown() {
	if m.mode == stopping || m.mode == stopped {
		return
	}
	m.mode = stopping
	for len(m.requests) > 0 {
		m.fail(m.requests[0], "agent is shutting down")
	}
	for _, n := range m.sortedNodes(func(*node) bool { return true }) {
		n.fresh = false
		m.halt(n)
		m.setState(n, mgmt.Stopped)
	}
}

func (m *Machine) finishShutdown() {
	for _, n := range m.nodes {
		if n.proc != nil && n.proc.stuck == "" {
			return
		}
	}
	m.mode = stopped
	m.emit(StoppedAll{})
}
