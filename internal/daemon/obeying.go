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

// leaderName is the name of the controller that the agent obeys, or empty.
func (o *obeyed) leaderName() string {
	if name := o.leader.Load(); name != nil {
		return *name
	}
	return ""
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

// obedience is what the shell of an agent does about terms. It belongs to the goroutine of the
// agent's loop.
type obedience struct {
	*obeyed
	shell     *agentShell
	leads     *leads
	peers     map[mgmt.PeerID]bus.Peer // native peers
	topics    map[mgmt.PeerID]bus.Topics
	announces func(prefixes ...string)
}

func newObedience(a *agentShell, saved uint64) obedience {
	o := obedience{obeyed: &obeyed{}, shell: a, peers: map[mgmt.PeerID]bus.Peer{}, topics: map[mgmt.PeerID]bus.Topics{}}
	o.term.Store(saved)
	o.leads = newLeads(o.obeyed, a.cfg.barred)
	return o
}

// heard takes what a peer announces, and returns what the core must know of it.
func (o *obedience) heard(p bus.Peer, topics bus.Topics) lead {
	o.peers[mgmt.PeerID(p.ID)], o.topics[mgmt.PeerID(p.ID)] = p, topics
	is := o.leads.heard(p, topics)
	o.consider(p)
	return is
}

func (o *obedience) lost(p bus.Peer) {
	o.leads.lost(p.ID)
	delete(o.peers, mgmt.PeerID(p.ID))
	delete(o.topics, mgmt.PeerID(p.ID))
}

// early reports whether a hello is for a peer that has subscribed to the agent's topic since, as
// far as the core knows. The core hears of that next, with the term, and says hello then.
func (o *obedience) early(e agent.ToController) bool {
	_, hello := e.Msg.(mgmt.NotifyAgentHello)
	return hello && !o.topics[e.Peer].Want(o.shell.topic)
}

// consider says whether a peer counts as a controller that is obeyed. A controller whose term
// is not saved yet does not. It counts when it is.
func (o *obedience) consider(p bus.Peer) {
	is := o.leads.peers[p.ID]
	counts := is.fleet && o.leads.refusal(p) == ""
	if counts && is.term > 0 {
		o.leader.Store(new(controllerName(p)))
	}
	o.shell.controllers.set(p, counts)
	if !counts && is.term <= o.term.Load() {
		o.shell.teller.Forget(mgmt.PeerID(p.ID))
		o.shell.bundles.links.opener.Lost(func(peer string) bool { return peer == p.ID })
	}
}

// obeys announces the term of the controller that the agent obeys from now on.
func (o *obedience) obeys(e agent.Obeys) {
	o.term.Store(e.Term)
	o.announces(obeysTopic(e.Term))
	for _, p := range o.peers {
		o.consider(p)
	}
	o.record(e.Peer, e.Controller, e.Term, mgmt.AuditRecord{Request: "lead", Outcome: mgmt.AuditDone})
}

// ordered keeps a record of what a controller with a term has ordered.
func (o *obedience) ordered(e agent.Ordered) {
	rec := mgmt.AuditRecord{Request: mgmt.KindOf(e.Order).Name(), Outcome: mgmt.AuditBegun}
	if deploy, ok := e.Order.(mgmt.AgentDeployRequest); ok {
		rec.Revision = deploy.Config.ID
	}
	o.record(e.Peer, e.Controller, e.Term, rec)
}

// record keeps a record. Its reason names the term.
func (o *obedience) record(id mgmt.PeerID, controller string, term uint64, rec mgmt.AuditRecord) {
	rec.Who = string(identity.Controller) + "/" + controller
	rec.Source, rec.Subject = source(o.peers[id].Addr), string(o.shell.cfg.Core.Name)
	rec.Reason = fmt.Sprintf("in term %d", term)
	o.shell.cfg.Audit.Record(rec)
}

// refused reports an order that was refused.
func (o *obedience) refused(e agent.RefusedOrder) {
	o.shell.cfg.Bus.OnRefused(refusalOf(o.peers[e.Peer], e.Reason))
}
