package agent_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestNoEarlierLeadIsObeyed has three controllers lead one after the other. Each may go on
// with its lead for long after another one has begun: it was paused, or cut off. Whatever is
// saved was asked for in the greatest term that was saved, and no hello and no success goes to
// a controller of an earlier term.
func TestNoEarlierLeadIsObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &leads{world: newWorld(t, withPreflight), draw: t, terms: map[mgmt.PeerID]uint64{}, asked: map[string]order{}}
		l.Heard = l.heard
		moves := []func(){l.lead, l.follow, l.connect, l.disconnect, l.order, l.order, l.order, l.restart, l.fillDisk, l.pass}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			moves[rapid.IntRange(0, len(moves)-1).Draw(t, "move")]()
		}
		l.settles()
	})
}

// leads are three controllers and their agent.
type leads struct {
	*world
	draw  *rapid.T
	last  uint64                 // the term of the last lead
	terms map[mgmt.PeerID]uint64 // what connected controllers announce; zero: they follow
	asks  int
	asked map[string]order // by the configuration's ID, and by the request's
}

type order struct {
	from mgmt.PeerID
	term uint64
}

var three = []mgmt.PeerID{"a", "b", "c"}

func (l *leads) some() mgmt.PeerID { return rapid.SampledFrom(three).Draw(l.draw, "controller") }

func (l *leads) connect() {
	id := l.some()
	if _, connected := l.terms[id]; !connected {
		l.terms[id] = 0
		l.Step(agent.PeerAdded{Peer: id, Fleet: true})
	}
}

func (l *leads) disconnect() {
	id := l.some()
	delete(l.terms, id)
	l.Step(agent.PeerLost{Peer: id})
}

// lead begins the next lead. The controller that has led before may not know it yet.
func (l *leads) lead() {
	id := l.some()
	l.last++
	if _, connected := l.terms[id]; connected {
		l.terms[id] = l.last
		l.Step(agent.PeerUpdated{Peer: id, Fleet: true, Term: l.last})
		return
	}
	l.terms[id] = l.last
	l.Step(agent.PeerAdded{Peer: id, Fleet: true, Term: l.last})
}

func (l *leads) follow() {
	id := l.some()
	if _, connected := l.terms[id]; connected {
		l.terms[id] = 0
		l.Step(agent.PeerUpdated{Peer: id, Fleet: true})
	}
}

func (l *leads) order() {
	id := l.some()
	term, connected := l.terms[id]
	if !connected || term == 0 {
		return // whoever follows gives no orders
	}
	l.asks++
	name := fmt.Sprint(l.asks)
	l.asked[name] = order{id, term}
	config := configuration(nodes(rapid.SampledFrom(cast).Draw(l.draw, "node"))...)
	config.ID = name
	l.Step(agent.FromController{Peer: id, Msg: mgmt.AgentDeployRequest{ReqID: mgmt.ReqID(name), Config: config}})
}

func (l *leads) restart() {
	clear(l.terms)
	l.Boot(withPreflight)
}

func (l *leads) fillDisk() {
	l.DiskErr = rapid.SampledFrom([]string{"", "disk full"}).Draw(l.draw, "disk")
}

func (l *leads) pass() {
	l.Sight.After = l.Sight.After*2 + 700*time.Millisecond
	if l.Sight.After > 5*time.Second {
		l.Sight.After = 0
	}
	l.Run(1300 * time.Millisecond)
}

func (l *leads) heard(e agent.Effect) {
	switch e := e.(type) {
	case agent.Save:
		s, err := agent.Restore(map[string][]byte{e.Changes[0].Key: e.Changes[0].Value})
		if err != nil {
			l.draw.Fatal(err)
		}
		if s.Term < l.Saved.Term {
			l.draw.Errorf("saves term %d after %d", s.Term, l.Saved.Term)
		}
		if by, new := l.asked[s.Desired.ID]; new && s.Desired.ID != l.Saved.Desired.ID && by.term != l.Saved.Term {
			l.draw.Errorf("saves what %s has ordered in term %d, and has obeyed term %d", by.from, by.term, l.Saved.Term)
		}
	case agent.ToController:
		l.said(e)
	}
}

func (l *leads) said(e agent.ToController) {
	switch msg := e.Msg.(type) {
	case mgmt.NotifyAgentHello:
		if term := l.terms[e.Peer]; term != 0 && term != l.Saved.Term {
			l.draw.Errorf("says hello to %s of term %d, and obeys term %d", e.Peer, term, l.Saved.Term)
		}
	case mgmt.AgentDeployResponse:
		by := l.asked[string(msg.ReqID)]
		if ok := len(msg.Results) > 0 && msg.Results[0].Success; ok && by.term != l.Saved.Term {
			l.draw.Errorf("did what %s has ordered in term %d, and obeys term %d", by.from, by.term, l.Saved.Term)
		}
	}
}

// settles lets the disk work: then the latest lead is obeyed if its controller is connected.
func (l *leads) settles() {
	l.DiskErr, l.Sight.After = "", 0
	l.lead()
	l.Run(2 * time.Second)
	if l.Saved.Term != l.last || agent.Obeyed(l.Core) != l.last {
		l.draw.Errorf("in the end the agent obeys term %d and has saved %d, want %d", agent.Obeyed(l.Core), l.Saved.Term, l.last)
	}
}
