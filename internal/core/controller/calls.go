package controller

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// call is one request to one agent that is not answered yet.
type call struct {
	id       mgmt.ReqID
	kind     callKind
	agent    *agent
	deadline time.Time // of a greeting; the others end with what they are part of

	force bool // of a deploy

	request *request        // what getNodes, dispatch and restart are part of
	nodes   []mgmt.NodeName // those that dispatch and restart ask
}

type callKind int

const (
	callNone callKind = iota
	callWelcome
	callStandby
	callPrepare
	callDeploy
	callGetNodes
	callDispatch
	callRestart
)

func (k callKind) String() string {
	return [...]string{"nothing", "welcome", "standby", "prepare", "deploy", "get_nodes", "dispatch", "restart"}[k]
}

func (m *Machine) newCall(a *agent, kind callKind) *call {
	c := &call{id: m.newID(), kind: kind, agent: a}
	m.calls[c.id] = c
	return c
}

func (m *Machine) send(c *call, msg mgmt.Message) {
	m.emit(ToAgent{Peer: c.agent.peer.id, Instance: c.agent.name, Msg: msg})
}

// answered ends the call that a answers, and returns nil if there is none: the
// answer is late, or not to this kind of call, or somebody else's.
func (m *Machine) answered(a *agent, kind callKind, id mgmt.ReqID) *call {
	c := m.calls[id]
	if c == nil || c.agent != a || c.kind != kind {
		m.note(Note{Level: Debug, Text: "answer to nothing ignored", Instance: a.name, ReqID: id})
		return nil
	}
	delete(m.calls, id)
	return c
}

// failed ends a call that will not be answered.
func (m *Machine) failed(c *call, why string) {
	delete(m.calls, c.id)
	switch c.kind {
	case callPrepare:
		m.prepareFailed(c, why)
	case callDeploy:
		m.deployFailed(c, why)
	case callGetNodes, callDispatch, callRestart:
		m.queryFailed(c, why)
	}
}

func (m *Machine) callsOf(a *agent) []*call {
	var calls []*call
	for c := range maps.Values(m.calls) {
		if c.agent == a {
			calls = append(calls, c)
		}
	}
	slices.SortFunc(calls, func(c, d *call) int { return cmp.Compare(c.id, d.id) })
	return calls
}

// newID returns a request ID that is not in flight.
func (m *Machine) newID() mgmt.ReqID {
	for {
		if id := mgmt.NewReqID(m.rng); m.calls[id] == nil {
			return id
		}
	}
}
