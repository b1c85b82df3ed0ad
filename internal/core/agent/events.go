package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// Adopted tells which processes of an earlier life of the agent still run.
	// It is the first event and comes once; until then the machine sends
	// nothing.
	Adopted struct {
		Processes []Process
		// Unseen are nodes that may have processes which nobody can look at.
		Unseen []Unseen
	}
	// Freed says that a process of an Unseen node is gone. Buried follows.
	Freed struct {
		Node   mgmt.NodeName
		Launch uint64 // as in Unseen
		// Last says that the node has no other such process.
		Last bool
	}

	// PeerAdded says that a peering was established; it precedes everything
	// that comes from that peer. Fleet says that the peer is of this program,
	// and so more patient than upstream's.
	PeerAdded struct {
		Peer  mgmt.PeerID
		Fleet bool
		// Barred says why the peer may not make requests of the agent; empty: it
		// may.
		Barred string
	}
	// PeerUpdated says that the peer's subscriptions changed, so that it may
	// hear now what it missed before.
	PeerUpdated struct {
		Peer  mgmt.PeerID
		Fleet bool // as in PeerAdded
	}
	// PeerLost says that a peering ended; it follows everything that came from
	// that peer.
	PeerLost struct{ Peer mgmt.PeerID }

	// FromController is a message that came on exactly this agent's topic.
	FromController struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
	}
	// FromNode is a message that came on the node topic. Of a hello, Proof says
	// whether the peer is the process that was launched as that node.
	FromNode struct {
		Peer  mgmt.PeerID
		Msg   mgmt.Message
		Proof Proof
	}

	// Preflighted answers a Preflight. With findings the deployment fails as a
	// whole.
	Preflighted struct {
		ID       uint64 // as in the Preflight
		Findings []mgmt.Finding
		// Unfinished names the nodes of which not all was known at the
		// Preflight's Deadline, sorted. The mode of the preflight decides what
		// that means.
		Unfinished []mgmt.NodeName
	}

	// Started answers a Start: the process exists.
	Started struct {
		Node   mgmt.NodeName
		Launch uint64
		PID    int64
	}
	// StartFailed answers a Start: there is no process. Outputs holds what
	// preparing it printed, if anything.
	StartFailed struct {
		Node    mgmt.NodeName
		Launch  uint64
		Err     string
		Outputs mgmt.NodeOutputs
	}
	// Ready says that a probe other than the hello found the process up.
	Ready struct {
		Node   mgmt.NodeName
		Launch uint64
	}
	// Exited says that a process that was Started or Adopted is gone, asked to
	// or not. Reason is what a person is told: "exit status 1", "killed by
	// SIGKILL", "exit status unknown". Outputs holds its last lines.
	Exited struct {
		Node    mgmt.NodeName
		Launch  uint64
		Reason  string
		Outputs mgmt.NodeOutputs
	}

	// Buried says that what a process left behind is safe: its logs and, if it
	// ended by itself, its crash record. It follows each Exited and each Freed,
	// also if saving what was left has failed. Until then the node is not started.
	Buried struct {
		Node   mgmt.NodeName
		Launch uint64 // as in Exited or Freed
	}

	// StopFailed answers a Stop: the process could not be signalled, and runs on.
	StopFailed struct {
		Node   mgmt.NodeName
		Launch uint64
		Err    string
	}

	// Saved answers a Save, as the very next event; an empty Err is success.
	Saved struct{ Err string }

	// Shutdown asks for the end of all processes; StoppedAll follows. From then
	// on requests are refused. What is desired stays saved.
	Shutdown struct{}

	// Tick says that the time offered by NextWake has come.
	Tick struct{}
)

// Proof is what the shell knows of a peer that says to be a node. Its zero value
// says that nobody can tell whether it is.
type Proof struct {
	// Is says that it is the process that was launched as that node.
	Is bool
	// Other says who it is instead, for a person; empty: it may be that process.
	Other string
}

// Process is a node's process that an earlier life of the agent started.
type Process struct {
	Node        mgmt.NodeName
	Launch      uint64 // as in the Start that made it
	PID         int64
	Fingerprint mgmt.Fingerprint // as in the Start that made it
	Started     time.Time
}

// Unseen is a node that may have a process which can be neither watched nor
// ended. Nothing is started in its place until Freed.
type Unseen struct {
	Node   mgmt.NodeName
	Launch uint64 // as in the Start that made it; 0 if nobody knows
	// Why is what a person is told: which process or file it is, and what to do.
	Why string
}

func (Adopted) isEvent()        {}
func (Freed) isEvent()          {}
func (StopFailed) isEvent()     {}
func (PeerAdded) isEvent()      {}
func (PeerUpdated) isEvent()    {}
func (PeerLost) isEvent()       {}
func (FromController) isEvent() {}
func (FromNode) isEvent()       {}
func (Preflighted) isEvent()    {}
func (Started) isEvent()        {}
func (StartFailed) isEvent()    {}
func (Ready) isEvent()          {}
func (Exited) isEvent()         {}
func (Buried) isEvent()         {}
func (Saved) isEvent()          {}
func (Shutdown) isEvent()       {}
func (Tick) isEvent()           {}
