package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The events are those below.
type Event interface{ isEvent() }

type (
	// Adopted lists the processes of an earlier life of the agent that still run.
	// It comes once. Before it the machine answers no request and says no hello.
	Adopted struct {
		Processes []Process
		// Unseen lists the processes that may run and that the agent cannot watch.
		Unseen []Unseen
	}
	// Freed says that a process of an Unseen node is gone. Buried follows.
	Freed struct {
		Node   mgmt.NodeName
		Launch uint64 // as in Unseen
		// Last says that the node has no other Unseen process.
		Last bool
	}

	// PeerAdded says that a peering was established. It precedes all other events
	// of that peer.
	PeerAdded struct {
		Peer mgmt.PeerID
		// Fleet says that the peer is a controller of this program. It waits longer
		// for an answer than upstream's controller does.
		Fleet bool
		// Barred says why the peer may not make requests of the agent. Empty means
		// that it may.
		Barred string
		// Name is the name of the controller, for people. It may be empty.
		Name string
		// Term is the number of the controller's lead. Zero means that the peer announces
		// none: it does not lead, or it has no others beside it.
		Term uint64
	}
	// PeerUpdated says that the peer's subscriptions changed. The peer may have
	// missed earlier messages, and may get the next ones.
	PeerUpdated struct {
		Peer  mgmt.PeerID
		Fleet bool   // as in PeerAdded
		Term  uint64 // as in PeerAdded
	}
	// PeerLost says that a peering ended. It follows all other events of that peer.
	PeerLost struct{ Peer mgmt.PeerID }

	// FromController is a message on exactly this agent's topic.
	FromController struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
	}
	// FromNode is a message on the node topic.
	FromNode struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
		// Proof, with a hello, says whether the peer is the process that was
		// launched as that node.
		Proof Proof
	}

	// Fetching says that a Fetch makes progress. Done and Total count the bytes of all its
	// bundles that the host lacked when it began. Bundle is the name of one that is on its
	// way.
	Fetching struct {
		ID          uint64 // as in the Fetch
		Bundle      string
		Done, Total int64
	}
	// Fetched answers a Fetch. A finding fails the whole deployment. Its text names the
	// bundle and says why this host does not have it. Missing names the bundles that the
	// host still lacks, sorted.
	Fetched struct {
		ID       uint64 // as in the Fetch
		Findings []mgmt.Finding
		Missing  []string
	}

	// Preflighted answers a Preflight. A finding fails the whole deployment.
	Preflighted struct {
		ID       uint64 // as in the Preflight
		Findings []mgmt.Finding
		// Unfinished names the nodes with a check that had not ended at the
		// Preflight's Deadline, sorted. Config.Preflight says what that means.
		Unfinished []mgmt.NodeName
		// Doubts are texts about this host. A plan has them, and they prevent nothing.
		Doubts []string
	}

	// Started answers a Start: the process exists.
	Started struct {
		Node   mgmt.NodeName
		Launch uint64
		PID    int64
		// Exposed says who else can act as a node of its cluster, in a sentence for
		// people. Empty means nobody.
		Exposed string
	}
	// StartFailed answers a Start: there is no process. Outputs holds the text that
	// the failed start printed, if any.
	StartFailed struct {
		Node    mgmt.NodeName
		Launch  uint64
		Err     string
		Outputs mgmt.NodeOutputs
	}
	// Ready says that the node's status file says that the node is up.
	Ready struct {
		Node   mgmt.NodeName
		Launch uint64
	}
	// Exited says that a process that was Started or Adopted has ended, whether or
	// not a Stop asked it to. Buried follows.
	Exited struct {
		Node   mgmt.NodeName
		Launch uint64
		// Reason tells a person how it ended: "exit status 1", "killed by SIGKILL",
		// "exit status unknown".
		Reason  string
		Outputs mgmt.NodeOutputs // the last lines
	}

	// Buried follows each Exited and each Freed. It says that the shell has put away
	// the logs of the process, and has written a crash record if the process ended
	// by itself. It also comes if one of them failed. The machine does not start the
	// node before.
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

	// Limited answers a Limit. Err says why the process does not have the limits, or not all
	// of them; it runs on. An empty Err is success. It can come again: the answer has changed.
	// It also comes without a Limit, if a process was started without some of its limits.
	Limited struct {
		Node   mgmt.NodeName
		Launch uint64
		Limits mgmt.Limits
		Err    string
	}

	// Saved answers a Save, as the very next event. An empty Err is success.
	Saved struct{ Err string }

	// Shutdown asks for the end of all processes. StoppedAll follows when they have
	// ended. The machine refuses further requests. The saved State stays as it is.
	// Within, if it is not zero, is the time until StoppedAll. A process that needs longer is
	// killed before, and one that outlives even that is left behind.
	Shutdown struct{ Within time.Duration }

	// Measure asks the nodes for their figures. Measured follows for each that answers.
	Measure struct{}

	// Tick says that the time offered by NextWake has come.
	Tick struct{}
)

// Proof says whether a peer that claims to be a node is the process that was
// launched as that node. The zero value says that nobody can tell.
type Proof struct {
	// Is says that the peer is that process.
	Is bool
	// Other tells a person which other process the peer is. Empty means that the
	// peer may be that process.
	Other string
}

// Process is a node's process that an earlier life of the agent started.
type Process struct {
	Node        mgmt.NodeName
	Launch      uint64 // as in the Start that made it
	PID         int64
	Fingerprint mgmt.Fingerprint // as in the Start that made it
	Started     time.Time
	Exposed     string // as in Started
}

// Unseen is a process of a node that may run, and that the agent can neither watch
// nor end. The machine does not start the node until Freed.
type Unseen struct {
	Node   mgmt.NodeName
	Launch uint64 // as in the Start that made it; 0 if nobody knows
	// Why tells a person which process or file it is, and what to do.
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
func (Fetching) isEvent()       {}
func (Fetched) isEvent()        {}
func (Preflighted) isEvent()    {}
func (Started) isEvent()        {}
func (StartFailed) isEvent()    {}
func (Ready) isEvent()          {}
func (Exited) isEvent()         {}
func (Buried) isEvent()         {}
func (Limited) isEvent()        {}
func (Saved) isEvent()          {}
func (Shutdown) isEvent()       {}
func (Measure) isEvent()        {}
func (Tick) isEvent()           {}
