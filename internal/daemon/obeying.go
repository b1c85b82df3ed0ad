package daemon

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// obeyed is the controller that an agent obeys, as far as terms say it. The agent's loop
// writes it, and any goroutine may read it.
type obeyed struct {
	term   atomic.Uint64
	leader atomic.Pointer[string] // its name; nil: nobody has led since the agent started
}

// text names the term, and the controller if it is known. It is empty without a term.
func (o *obeyed) text() string {
	term, leader := o.term.Load(), o.leader.Load()
	switch {
	case term == 0:
		return ""
	case leader == nil:
		return fmt.Sprintf("term %d", term)
	}
	return fmt.Sprintf("controller %s in term %d", *leader, term)
}

// lead is what a peer announces of its lead.
type lead struct {
	fleet  bool   // it is a controller of this program that leads, or that is alone
	term   uint64 // zero: none
	hasLed bool   // it has announced a term on this connection
}

// leads are those of the peers of one subscription. They belong to the goroutine that reads
// it: there they change in order with the messages of the peer.
type leads struct {
	obeyed *obeyed
	barred func(bus.Peer) string
	peers  map[string]lead
}

func newLeads(o *obeyed, barred func(bus.Peer) string) *leads {
	return &leads{obeyed: o, barred: barred, peers: map[string]lead{}}
}

// heard takes what a peer announces. A peer that may give no orders does not lead.
func (l *leads) heard(p bus.Peer, topics bus.Topics) lead {
	is := l.peers[p.ID]
	is.fleet = announced(topics, p, fleetController) && l.barred(p) == ""
	is.term = 0
	if l.barred(p) == "" {
		is.term = announcedTerm(topics, fleetTerm)
	}
	is.hasLed = is.hasLed || is.term > 0
	if is.fleet || is.hasLed {
		l.peers[p.ID] = is
	}
	return is
}

func (l *leads) lost(peer string) { delete(l.peers, peer) }

// refusal returns why the agent does not obey a peer because of terms, or nothing. It is the
// core's rule, for those parts of the shell that the core does not know.
func (l *leads) refusal(p bus.Peer) string {
	is := l.peers[p.ID]
	return agent.WhyNotObeyed(controllerName(p), is.term, is.hasLed, l.obeyed.term.Load())
}

// controllerName returns the name of a controller for people.
func controllerName(p bus.Peer) string {
	switch {
	case p.Identity != "":
		return strings.TrimPrefix(p.Identity, string(identity.Controller)+"/")
	case p.Certificate != nil:
		return certificateName(p.Certificate)
	case p.Addr.IsValid():
		return p.Addr.String()
	}
	return p.ID
}

// peerAnnounces returns what the core must know of a peer.
func (a *agentShell) peerAnnounces(p bus.Peer, topics bus.Topics) lead {
	a.peers[mgmt.PeerID(p.ID)] = p
	is := a.leads.heard(p, topics)
	obeyed := is.fleet && a.leads.refusal(p) == "" // or when its term was saved
	a.controllers.set(p, obeyed)
	if !obeyed {
		a.teller.Forget(mgmt.PeerID(p.ID))
	}
	return is
}

// obeys announces the term of the controller that the agent obeys from now on.
func (a *agentShell) obeys(e agent.Obeys) {
	a.obeyed.leader.Store(&e.Controller)
	a.obeyed.term.Store(e.Term)
	a.announces(obeysTopic(e.Term))
	for id, p := range a.peers {
		is := a.leads.peers[p.ID]
		obeyed := is.fleet && a.leads.refusal(p) == ""
		a.controllers.set(p, obeyed)
		if !obeyed {
			a.teller.Forget(id)
			a.bundles.links.opener.Lost(func(peer string) bool { return peer == p.ID })
		}
	}
	a.cfg.Audit.Record(a.recordOf(e.Peer, e.Controller, mgmt.AuditRecord{
		Request: "lead", Subject: string(a.cfg.Core.Name), Outcome: mgmt.AuditDone, Reason: termReason(e.Term),
	}))
}

// ordered keeps a record of what a controller with a term has ordered.
func (a *agentShell) ordered(e agent.Ordered) {
	rec := mgmt.AuditRecord{
		Request: mgmt.KindOf(e.Order).Name(), Subject: string(a.cfg.Core.Name), Outcome: mgmt.AuditBegun, Reason: termReason(e.Term),
	}
	if deploy, ok := e.Order.(mgmt.AgentDeployRequest); ok {
		rec.Revision = deploy.Config.ID
	}
	a.cfg.Audit.Record(a.recordOf(e.Peer, e.Controller, rec))
}

// termReason is the reason in the records of what a controller has ordered.
func termReason(term uint64) string { return fmt.Sprintf("in term %d", term) }

func (a *agentShell) recordOf(id mgmt.PeerID, controller string, rec mgmt.AuditRecord) mgmt.AuditRecord {
	rec.Who = string(identity.Controller) + "/" + controller
	rec.Source = source(a.peers[id].Addr)
	return rec
}
