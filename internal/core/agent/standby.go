package agent

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// standby makes nothing desired, and answers when no process is left (spec
// management-api 7.2, G-A4).
func (m *Machine) standby(r *request) {
	m.propose(change{request: r})
}

// awaitGone answers a stand-by when no process is left but those about which
// nothing can be done. One that could not be stopped is among the awaited as soon
// as another request has it asked to end once more.
func (m *Machine) awaitGone(r *request) {
	for _, n := range m.nodes {
		if n.proc != nil && n.obstacle() == "" {
			r.awaited[n.name()] = true
		}
	}
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
