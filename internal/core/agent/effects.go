package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Effect is something that the shell must do now, in the order given. The
// effects are those below.
type Effect interface{ IsEffect() }

type (
	// Save asks the shell to store these changes durably, all or none. It is the
	// last effect of its Step. Saved answers it as the very next event. If another
	// program has changed the stored values, there is no next event: the agent
	// ends, and its nodes run on.
	Save struct{ Changes []Change }

	// Fetch asks for the content of bundles, before the Preflight and the Save of a
	// deployment that Peer has asked for. Fetched answers it, at once if all of it is there.
	// Fetching may come any number of times before. A later Fetch takes the place of this
	// one, which then needs no answer: what both want goes on, and the rest ends.
	Fetch struct {
		ID      uint64        // new for each
		Peer    mgmt.PeerID   // it has the content
		Bundles []mgmt.Bundle // sorted by name
	}

	// Use says which bundles the nodes of this host use from now on. The shell switches the
	// paths of data bundles at once, before it performs the next effect, and then removes
	// what nobody needs. It comes when the configuration is desired, before any Start.
	Use struct{ Bundles []mgmt.Bundle }

	// Preflight asks whether the nodes of a deployment could start. Preflighted
	// answers it. A preflight changes nothing on the host. A port or an interface that
	// a node of this agent uses is no finding: the deployment ends the processes whose
	// plan changes. A later Preflight takes the place of this one.
	Preflight struct {
		ID uint64 // new for each
		// Deadline is when the answer is due, with the findings that there are.
		Deadline time.Time
		// Start lists the plans that the deployment would start, and those of nodes that would
		// get other options while they run, by name.
		Start []mgmt.Plan
	}

	// Start asks for a process. Started or StartFailed answers it. Launch is a
	// number that no living process has. The node has no other process then.
	Start struct {
		Launch      uint64
		Plan        mgmt.Plan
		Fingerprint mgmt.Fingerprint // of Plan; it comes back in Process
	}
	// Stop asks for the end of a process: SIGTERM, and SIGKILL if the process has
	// not ended some time later. It comes only after Started or Adopted. Exited or
	// StopFailed answers it. After StopFailed it may come again, and so it may after a
	// Shutdown that leaves less time. Within, if it is not zero, bounds the time until
	// SIGKILL.
	Stop struct {
		Node   mgmt.NodeName
		Launch uint64
		Within time.Duration
	}
	// Limit gives a process these limits while it runs on. It comes only after Started or
	// Adopted. Limited answers it. A later Limit for the process takes the place of this one.
	Limit struct {
		Node   mgmt.NodeName
		Launch uint64
		Limits mgmt.Limits
	}

	// ToController sends Msg on this agent's topic: to Peer alone, or to all
	// subscribers of the topic if Peer is empty.
	ToController struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
	}
	// ToNodes sends Msg on the node topic to each of To.
	ToNodes struct {
		To  []NodePeer
		Msg mgmt.NodeDispatchRequest
	}

	// Tell sends what the log of happenings has after a record to a controller, as soon as
	// there is something (mgmt.HappeningsWanted).
	Tell struct {
		Peer  mgmt.PeerID
		Log   string
		After uint64
	}

	// Measured has the figures of a node: the JSON text with which it answered get_stats.
	Measured struct {
		Node    mgmt.NodeName
		Launch  uint64
		Figures string
	}

	// Obeys says that the agent obeys Peer, and no controller with a smaller term. The term
	// was saved. The shell announces it before it performs the next effect.
	Obeys struct {
		Peer       mgmt.PeerID
		Controller string // for people
		Term       uint64
	}
	// Ordered says that the agent does what a controller with a term has asked for, for the
	// records. The outcome is in the answer.
	Ordered struct {
		Peer       mgmt.PeerID
		Controller string // for people
		Term       uint64
		Order      mgmt.Request
	}
	// RefusedOrder says that the agent does not do what Peer has asked for, because another
	// controller leads, for the records.
	RefusedOrder struct {
		Peer   mgmt.PeerID
		Reason string
	}
	// Controllers has the agent dial these controllers beside those of its settings, in place
	// of those that it was told before.
	Controllers struct{ Addresses []string }

	// Drop ends the connection with Peer. The peer may connect anew.
	Drop struct {
		Peer   mgmt.PeerID
		Reason string
	}

	// StoppedAll comes once after Shutdown, when no process is left that the agent
	// can stop.
	StoppedAll struct{}

	// Note is for the log.
	Note = note.Note
	// Happened is for the log of what happens in the cluster.
	Happened = note.Happened
)

// NodePeer is a node's process and the peering with it.
type NodePeer struct {
	Peer   mgmt.PeerID
	Node   mgmt.NodeName
	Launch uint64 // as in the Start that made the process
}

// The levels of a Note.
const (
	Debug = note.Debug
	Info  = note.Info
	Warn  = note.Warn
	Error = note.Error
)

func (Save) IsEffect()         {}
func (Fetch) IsEffect()        {}
func (Use) IsEffect()          {}
func (Preflight) IsEffect()    {}
func (Start) IsEffect()        {}
func (Stop) IsEffect()         {}
func (Limit) IsEffect()        {}
func (ToController) IsEffect() {}
func (ToNodes) IsEffect()      {}
func (Tell) IsEffect()         {}
func (Measured) IsEffect()     {}
func (Obeys) IsEffect()        {}
func (Ordered) IsEffect()      {}
func (RefusedOrder) IsEffect() {}
func (Controllers) IsEffect()  {}
func (Drop) IsEffect()         {}
func (StoppedAll) IsEffect()   {}
