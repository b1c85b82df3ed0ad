package controller

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/ledger"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// leg is one request to one agent that the agent has not answered yet.
type leg struct {
	id    mgmt.ReqID
	agent *agent
	// asker gets the outcome of the leg.
	asker asker
	asked mgmt.Request
	// request is the client's request to which a question belongs. nodes are the nodes
	// that the question names. Both are nil for legs of other kinds.
	request *request
	nodes   []mgmt.NodeName
	// fetching is what the agent has told of bundles.
	fetching fetching
}

// asker is the part of a Machine that asked an agent something. Exactly one of
// its methods is called for each leg, unless the asker closes the leg before.
type asker interface {
	answered(l *leg, results []mgmt.Result)
	failed(l *leg, why string)
}

// legs holds the requests to agents that are in flight.
type legs struct {
	*turn
	cfg  *Config
	open ledger.Legs[*leg]
}

// begin makes a leg. The caller sends it.
func (ls *legs) begin(a *agent, by asker) *leg {
	l := &leg{agent: a, asker: by, fetching: fetching{since: ls.now}}
	l.id = ls.open.Open(ls.rng, l)
	return l
}

func (ls *legs) send(l *leg, msg mgmt.Request) {
	l.asked = msg
	ls.emit(ToAgent{Peer: l.agent.peer.id, Instance: l.agent.name, Msg: msg})
}

// close ends a leg without an outcome. The leg may be nil.
func (ls *legs) close(l *leg) {
	if l != nil {
		ls.open.Close(l.id)
	}
}

// answer ends the leg that an agent answers. It ignores an answer that is late,
// that answers another kind of request, or that comes from another agent.
func (ls *legs) answer(a *agent, msg mgmt.Response) {
	l, ok := ls.open.Find(msg.RequestID())
	if !ok || l.agent != a || mgmt.KindOf(l.asked) != mgmt.KindAnswered(msg) {
		ls.note(Note{Level: Debug, Text: "answer to nothing ignored", Instance: a.name, ReqID: msg.RequestID()})
		return
	}
	ls.close(l)
	l.asker.answered(l, msg.Outcomes())
}

// fail ends a leg that will not be answered.
func (ls *legs) fail(l *leg, why string) {
	ls.close(l)
	l.asker.failed(l, why)
}

// forget ends all legs without an outcome.
func (ls *legs) forget() { ls.open = ledger.Legs[*leg]{} }

// lose ends all legs of an agent that is gone.
func (ls *legs) lose(a *agent) {
	for _, l := range ls.open.All() {
		if l.agent == a {
			ls.fail(l, fmt.Sprintf("connection to instance '%s' lost", a.name))
		}
	}
}
