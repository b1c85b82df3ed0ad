package agent

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Several controllers of one cluster are connected all the time, and one of them leads. Each
// lead has a number, its term, and a later lead has a greater one. A controller that leads
// announces its term. The agent saves the greatest term before it obeys the controller, and
// from then on it obeys no controller of an earlier term: that one was paused, or cut off, and
// does not know yet that another one leads (docs/decisions/0062).
//
// Upstream's controllers, and a controller that is alone, have no term. The rule of
// leading_controller.go is for them.

// terms is what the agent knows of the leads of its cluster.
type terms struct {
	*turn
	known uint64    // the greatest that the agent has obeyed; zero: none
	retry time.Time // when the agent tries again to save a greater one; zero: it need not
}

// newTerm sets what a peer announces. It reports whether that has changed.
func (ts *terms) newTerm(p *peer, term uint64) (changed bool) {
	switch {
	case term > mgmt.MaxTerm:
		ts.emit(Note{Level: Warn, Text: "term ignored: no cluster has had so many", Peer: p.id, Err: fmt.Sprintf("%d is more than %d", term, mgmt.MaxTerm)})
		term, p.hasLed = 0, true // it is not obeyed
	case p.barred != "":
		term = 0 // whoever may give no orders does not lead
	}
	changed = term != p.term
	p.hasLed = p.hasLed || term > 0
	p.term = term
	if term == 0 {
		p.led = p.led && !p.hasLed
	}
	return changed
}

// refusal returns why the agent does not obey a peer because of terms, or nothing.
func (ts *terms) refusal(p *peer) string { return WhyNotObeyed(p.called(), p.term, p.hasLed, ts.known) }

// WhyNotObeyed returns why an agent that has obeyed a term does not obey a controller, or
// nothing. term is what the controller announces, and hasLed says that it has announced a term
// on this connection.
func WhyNotObeyed(controller string, term uint64, hasLed bool, obeyed uint64) string {
	switch {
	case term == 0 && hasLed:
		return fmt.Sprintf("controller %s leads no longer", controller)
	case term == 0 || term == obeyed:
		return ""
	case term < obeyed:
		return fmt.Sprintf("controller %s led in term %d, and this agent obeys term %d", controller, term, obeyed)
	}
	return fmt.Sprintf("this agent has not saved yet that it obeys controller %s in term %d", controller, term)
}

// called names a controller for people.
func (p *peer) called() string {
	if p.name == "" {
		return string(p.id)
	}
	return p.name
}

// obeying is the Machine with what it does about terms.
type obeying struct{ *Machine }

// meet introduces the agent to a peer that has connected, or that has announced something
// else. A peer of a greater term is obeyed from then on. A peer of a smaller one is told so.
func (m obeying) meet(p *peer, changed bool) {
	switch {
	case p.term > m.terms.known && m.mode <= serving:
		m.raise(p)
	case m.terms.refusal(p) == "":
		m.sayHello(p.id)
	case changed && p.term > 0:
		m.dismiss(p)
	}
}

// dismiss tells a controller that the agent obeys another one.
func (m obeying) dismiss(p *peer) {
	why := m.terms.refusal(p)
	m.emit(Note{Level: Warn, Text: "a controller is not obeyed", Peer: p.id, Err: why})
	m.emit(ToController{Peer: p.id, Msg: mgmt.NotifyError{Instance: m.cfg.Name, Msg: why}})
}

// refused tells a controller that an order without an answer was refused.
func (m obeying) refused(p *peer, why string) {
	m.emit(RefusedOrder{Peer: p.id, Reason: why})
	m.dismiss(p)
}

// raise has the term of a peer saved.
func (m obeying) raise(p *peer) {
	m.terms.retry = time.Time{}
	m.proposals.save(change{purpose: raises, term: p.term, leader: p.id})
}

// retryRaise tries again to save the term of a controller that waits for that.
func (m obeying) retryRaise() {
	if m.terms.retry.IsZero() || m.now.Before(m.terms.retry) {
		return
	}
	m.terms.retry = time.Time{}
	var greatest *peer
	for _, p := range m.peers.oldestFirst() {
		if p.term > m.terms.known && p.node == "" && (greatest == nil || p.term > greatest.term) {
			greatest = p
		}
	}
	if greatest != nil && m.mode <= serving {
		m.raise(greatest)
	}
}

// raised obeys the term that was saved.
func (m obeying) raised(c change, failed string) {
	if failed != "" {
		m.terms.retry = m.now.Add(m.cfg.TermRetry)
		m.emit(Note{Level: Error, Text: "term of a controller could not be saved, and the controller is not obeyed yet", Peer: c.leader, Err: failed})
		return
	}
	m.terms.known = c.term
	leader := m.peers.known[c.leader] // the Step of the Save was the last one
	m.emit(Obeys{Peer: c.leader, Controller: leader.called(), Term: c.term})
	m.emit(Note{Level: Info, Text: "controller is obeyed", Peer: c.leader, Err: fmt.Sprintf("controller %s leads in term %d", leader.called(), c.term)})
	m.endEarlier()
	for _, p := range m.peers.oldestFirst() {
		switch {
		case p.term == c.term:
			p.since, p.past = m.moment(), false
			m.sayHello(p.id)
		case p.term > 0:
			m.meet(p, true)
		}
	}
}

// endEarlier answers the requests of controllers of earlier terms. What they wanted and was
// not saved yet never happens. What was begun goes on: the controller that leads now sees it.
func (m obeying) endEarlier() {
	m.proposals.prepared = nil
	for _, r := range m.requests.inFlight.All() {
		if r.Detail.term > 0 && r.Detail.term < m.terms.known {
			m.requests.fail(r, fmt.Sprintf("another controller leads since, in term %d", m.terms.known))
		}
	}
}

// ordered keeps a record of a request that may change something.
func (m obeying) ordered(p *peer, r *request) {
	if p.term == 0 {
		return
	}
	r.Detail.term = p.term
	_, dispatches := r.Detail.msg.(mgmt.AgentDispatchRequest)
	_, prepares := r.Detail.msg.(mgmt.AgentPrepareRequest)
	if r.Detail.changes && !prepares || dispatches {
		m.emit(Ordered{Peer: p.id, Controller: p.called(), Term: p.term, Order: r.Detail.msg})
	}
}

// controllers has the agent dial other controllers.
func (m obeying) controllers(id mgmt.PeerID, msg mgmt.ControllersChanged) {
	p := m.peers.known[id]
	switch {
	case p == nil || p.barred != "" || p.node != "":
		m.emit(Note{Level: Warn, Text: "addresses of controllers ignored: the peer may make no requests", Peer: id})
		return
	case m.terms.refusal(p) != "":
		m.refused(p, m.terms.refusal(p))
		return
	case len(msg.Addresses) > mgmt.MaxControllers:
		m.emit(Note{Level: Warn, Text: "addresses of controllers ignored", Peer: id, Err: fmt.Sprintf("%d are more than %d", len(msg.Addresses), mgmt.MaxControllers)})
		return
	}
	m.emit(Controllers(msg))
}

// Obeyed returns the term that the agent obeys. It is zero if it has obeyed none.
func Obeyed(m *Machine) uint64 { return m.terms.known }
