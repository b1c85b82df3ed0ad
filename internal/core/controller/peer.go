package controller

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// peer is one native peering.
type peer struct {
	id     mgmt.PeerID
	addr   netip.AddrPort
	dialed bool
	// fleet, plans, checks, steers and tells are as in PeerAdded.
	fleet, plans, checks, steers, tells bool
	// retired says that a Disconnect ended the peering, although its loss has
	// not been reported yet.
	retired bool

	// These are as in PeerAdded.
	certificate string
	instances   []mgmt.InstanceName
	fixed       bool
	barred      string

	// name is the instance as which the peer first introduced itself, at the time
	// since. It is empty before.
	name    mgmt.InstanceName
	since   time.Time
	version uint64
}

// newPeer returns the peer of a peering that was just established.
func newPeer(ev PeerAdded) *peer {
	return &peer{
		id: ev.Peer, addr: netip.AddrPortFrom(ev.Addr.Addr().Unmap(), ev.Addr.Port()), dialed: ev.Dialed,
		fleet: ev.Fleet, plans: ev.Plans, checks: ev.Checks, steers: ev.Steers, tells: ev.Tells, certificate: ev.Certificate, instances: ev.Instances, fixed: ev.Fixed, barred: ev.Barred,
	}
}

// refuseHello returns the reason for refusing a hello. It returns the empty string
// if the hello is accepted. p is nil if the hello came from no native peer.
func refuseHello(p *peer, ev FromAgent, hello mgmt.NotifyAgentHello) string {
	switch {
	case p == nil:
		return "not from a native peer"
	case hello.Instance != ev.Instance:
		return "it names another instance than its topic"
	case hello.ID != string(ev.Peer):
		return "it names another Broker ID than its sender's"
	case p.name != "" && p.name != hello.Instance:
		return fmt.Sprintf("the peer is instance '%s' already", p.name)
	}
	if err := mgmt.CheckName(string(hello.Instance)); err != nil {
		return err.Error()
	}
	return ""
}

// notTheirs returns the reason why a peer may not introduce itself as an instance.
// It returns the empty string if the peer may.
func (p *peer) notTheirs(name mgmt.InstanceName) string {
	switch {
	case p.barred != "":
		return p.barred
	case p.certificate == "" || slices.Contains(p.instances, name):
		return ""
	case p.fixed:
		return fmt.Sprintf("the certificate of %s is not that of instance '%s'", p.certificate, name)
	}
	return fmt.Sprintf("the certificate of %s is not that of instance '%s'; controller.agent_names can say that it is", p.certificate, name)
}

// earlier orders peers by the time of their first hello.
func earlier(p, q *peer) int {
	return cmp.Or(p.since.Compare(q.since), cmp.Compare(p.id, q.id))
}

// agent is the peer that answers for an instance.
type agent struct {
	name     mgmt.InstanceName
	peer     *peer
	standing standing
	greeting *greeting // the one in flight; nil if there is none
	overdue  *greeting // the greeting before, of the same kind, if it was not answered
	refusal  string    // the agent's answer to its welcome, if it refused
	has      *target   // the configuration that the agent last said it runs, over this connection
	// told are the marks that the agent has over this connection, as far as nothing was
	// added. added are those that were added last. toldAt counts when it was told last (see
	// steers.sent). telling is the leg that it has not answered.
	told, added *marks
	toldAt      uint64
	telling     *leg
	// listing is the leg of watching that a has not answered.
	listing *leg
	// tellAt is when it may be told again.
	tellAt time.Time
	// attempts counts the failures in a row. The next attempt waits for retryAt.
	attempts int
	retryAt  time.Time
}

// standing is the last thing that an agent agreed to.
type standing int

const (
	newcomer  standing = iota
	ready              // it has accepted a welcome
	dismissed          // it has accepted a standby, and runs no node of ours
)

func (a *agent) compatible() bool { return a.peer.version == mgmt.APIVersion }

// instance returns a as clients see it. It has a port only if the controller dialed
// it.
func (a *agent) instance() mgmt.Instance {
	in := mgmt.Instance{Name: a.name, Host: a.peer.addr.Addr()}
	if a.peer.dialed {
		in.ListenPort = new(mgmt.TCPPort(a.peer.addr.Port()))
	}
	return in
}

// resetAttempts lets the controller send to a again at once.
func (a *agent) resetAttempts() { a.attempts, a.retryAt, a.refusal = 0, time.Time{}, "" }
