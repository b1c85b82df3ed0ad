package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// livePIDs are the PIDs of nodes that live. Goroutines of the bus read them.
type livePIDs struct {
	mu  sync.Mutex
	set map[int]bool
}

func (l *livePIDs) add(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.set == nil {
		l.set = map[int]bool{}
	}
	l.set[pid] = true
}

func (l *livePIDs) remove(pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.set, pid)
}

func (l *livePIDs) list() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	pids := make([]int, 0, len(l.set))
	for pid := range l.set {
		pids = append(pids, pid)
	}
	return pids
}

// hold reports whether one of the processes has the socket open. It checks only the
// processes of the user uid, so that a stranger's connection costs little.
func (l *livePIDs) hold(uid uint32, inode uint64) bool {
	return slices.ContainsFunc(l.list(), func(pid int) bool {
		var st unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d", pid), &st) != nil || st.Uid != uid {
			return false
		}
		held, err := sockowner.Holds(pid, inode)
		return err == nil && held
	})
}

// screenNodes is a screen that also lets in processes that the agent has started
// as other users. They are not trusted: they may be nodes, and nothing else.
func screenNodes(screen bus.Screen, live *livePIDs) bus.Screen {
	return func(remote, local netip.AddrPort) (bus.Caller, error) {
		caller, err := screen(remote, local)
		if err != nil && caller.Known && live.hold(caller.UID, caller.Inode) {
			return caller, nil
		}
		return caller, err
	}
}

// barred returns the reason why a peer may not make requests of the agent. It
// returns the empty string if the peer may.
func (c AgentConfig) barred(p bus.Peer) string {
	switch {
	case p.Caller.Trusted && p.Denied == nil:
		if c.Callers.role(p.Caller.UID) < mgmt.Operator {
			return notAllowed(p.Caller.UID, "give orders to this agent", mgmt.Operator)
		}
		return ""
	case p.Identity != "":
		if !isController(p.Identity) {
			return fmt.Sprintf("this is the certificate of %s, and %s", p.Identity, onlyControllers)
		}
		return ""
	case p.Certificate != nil:
		return c.barredByName(p)
	case p.Caller.Local:
		return fmt.Sprintf("user %d of this host may be a node, and nothing else", p.Caller.UID)
	case c.Insecure:
		return ""
	}
	return "this agent does not know who you are: it takes orders from a controller that shows its certificate; join the cluster (zeekfleet agent --join), " +
		"or let the agent admit the controller's certificate (agent.admit)"
}

// barredByName is barred for a peer whose certificate gives it no identity.
func (c AgentConfig) barredByName(p bus.Peer) string {
	switch {
	case len(c.ControllerNames) > 0:
		if !named(p.Certificate, c.ControllerNames) {
			return fmt.Sprintf("the certificate of %s is not one of the controller's; its name would have to be among agent.controller_names",
				certificateName(p.Certificate))
		}
		return ""
	case c.ControllersIdentified:
		return fmt.Sprintf("tls.identities says which certificates are controllers', and that of %s is none of them", certificateName(p.Certificate))
	case !p.Dialed && c.dials():
		return "the agent takes orders from the controller that it connects to; for others set agent.controller_names"
	case !p.Dialed:
		return fmt.Sprintf("every agent has a certificate of the same authority, and %s is not known to be the controller's; "+
			"say what the controller's is called with agent.controller_names", certificateName(p.Certificate))
	}
	return ""
}

// hello is the hello of a node whose process has no PID yet.
type hello struct {
	peer bus.Peer
	msg  mgmt.NotifyNodeHello
}

// nodeHello finds out which process says hello as a node. It returns nil if the
// node's process has no PID yet: then the hello waits. There is at most one such
// hello for each peer.
func (a *agentShell) nodeHello(from bus.Peer, msg mgmt.NotifyNodeHello) agent.Event {
	if p := a.launchedAs(msg.Node); p != nil && p.awaited && from.Caller.Known {
		if p.early == nil {
			p.early = map[string]hello{}
		}
		p.early[from.ID] = hello{from, msg}
		return nil
	}
	proof := a.identify(from, msg.Node)
	if proof.Other != "" {
		a.cfg.Bus.OnRefused(refusalOf(from, fmt.Sprintf("it says that it is node %.60q, and it is not: %s", msg.Node, proof.Other)))
	}
	return agent.FromNode{Peer: mgmt.PeerID(from.ID), Msg: msg, Proof: proof}
}

// launchedAs returns the latest launch of a node that has not been released, or
// nil.
func (a *agentShell) launchedAs(name mgmt.NodeName) *launched {
	var latest *launched
	for id, p := range a.nodes {
		if id.node == name && (latest == nil || id.number > latest.number) {
			latest = p
		}
	}
	return latest
}

// identify reports whether a peer is the process that was launched as a node.
func (a *agentShell) identify(from bus.Peer, name mgmt.NodeName) agent.Proof {
	p := a.launchedAs(name)
	switch {
	case slices.Contains(a.cfg.ForeignNodes, name):
		return agent.Proof{Is: true}
	case p != nil && p.facts.WebSocketPort != 0:
		return agent.Proof{Other: "the agent connects to this node, which does not connect to the agent; it is " + describe(from)}
	case !from.Addr.IsValid():
		return agent.Proof{} // no connection that the kernel knows of
	case !from.Caller.Local:
		return agent.Proof{Other: "nodes run on the agent's host; it is " + describe(from)}
	case p == nil || p.pid == 0 || !from.Caller.Known:
		return agent.Proof{}
	}
	return a.cfg.holder(p.pid, from)
}

// holder finds out whether a process, or a descendant of it, has a peer's socket
// open. Processes may hide their open files from every user but root.
func (c AgentConfig) holder(pid int, from bus.Peer) agent.Proof {
	if held, err := c.Callers.holds(pid, from.Caller.Inode); held || err != nil {
		return agent.Proof{Is: held}
	}
	holders := c.Callers.holders(from.Caller.Inode)
	if len(holders) == 0 {
		return agent.Proof{}
	}
	if slices.ContainsFunc(holders, func(h sockowner.Process) bool { return sockowner.Descends(h.PID, pid) }) {
		return agent.Proof{Is: true}
	}
	return agent.Proof{Other: fmt.Sprintf("it is %s of user %d, and the node is pid %d", holders[0], from.Caller.UID, pid)}
}

// describe describes a peer, for a person.
func describe(p bus.Peer) string {
	switch {
	case p.Caller.Known:
		return fmt.Sprintf("user %d at %s", p.Caller.UID, p.Addr)
	case p.Certificate != nil:
		return fmt.Sprintf("%s at %s", certificateName(p.Certificate), p.Addr)
	}
	return p.Addr.String()
}

// identified handles the hellos that waited for the PID of a process.
func (a *agentShell) identified(ctx context.Context, p *launched) {
	for _, h := range p.early {
		if ev := a.nodeHello(h.peer, h.msg); ev != nil {
			a.parts.task(func() { a.post(ctx, ev) })
		}
	}
	p.early = nil
}
