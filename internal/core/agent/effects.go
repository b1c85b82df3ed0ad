package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Effect is something that must be done now, in the order given. The effects
// are those below.
type Effect interface{ IsEffect() }

type (
	// Save asks for these changes to be stored durably, all or none. It is the
	// last effect of its Step, and is answered by Saved as the very next event. If
	// somebody else has changed what is stored, there is no next event: the agent
	// ends, and its nodes run on.
	Save struct{ Changes []Change }

	// Preflight asks whether the nodes of a deployment could be started; it is
	// answered by Preflighted. Nothing may be changed by looking. A later
	// Preflight takes the place of this one.
	Preflight struct {
		ID uint64 // new for each
		// Deadline is when the answer is wanted, with what is known then.
		Deadline time.Time
		// Start are the plans that the deployment would bring, by name.
		Start []mgmt.Plan
		// Running are the PIDs of the nodes' present processes. What they
		// occupy is no obstacle: the deployment ends those whose plan changes.
		Running []int64
	}

	// Start asks for a process; it is answered by Started or StartFailed.
	// Launch is new among all processes that live. There is no process of that
	// node when it is asked for.
	Start struct {
		Launch      uint64
		Plan        mgmt.Plan
		Fingerprint mgmt.Fingerprint // of Plan; it comes back in Process
	}
	// Stop asks for the end of a process: SIGTERM, a period of grace, SIGKILL.
	// It comes only after Started or Adopted, and is answered by Exited, or by
	// StopFailed, after which it may come again.
	Stop struct {
		Node   mgmt.NodeName
		Launch uint64
	}

	// ToController sends Msg on this agent's topic: to Peer alone, or to
	// everyone who subscribes to it if Peer is empty.
	ToController struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
	}
	// ToNodes sends Msg on the node topic to each of To.
	ToNodes struct {
		To  []NodePeer
		Msg mgmt.NodeDispatchRequest
	}

	// Drop ends the connection with Peer, which may connect anew.
	Drop struct {
		Peer   mgmt.PeerID
		Reason string
	}

	// StoppedAll says once, after Shutdown, that no process is left.
	StoppedAll struct{}

	// Change replaces the value of a key.
	Change struct {
		Key   string
		Value []byte
	}

	// Note is for the log.
	Note = note.Note
)

// NodePeer is a node's process and the peering with it.
type NodePeer struct {
	Peer   mgmt.PeerID
	Node   mgmt.NodeName
	Launch uint64 // as in the Start that made the process
}

// State is what the agent must not forget. Changes stores it, Restore reads it.
type State struct {
	// Desired is the configuration adopted last, of the whole cluster. Its zero
	// value is an agent that runs nothing.
	Desired mgmt.Configuration
	// Told says that a controller has said so. Without it an empty Desired is no
	// wish: the agent has never been told anything, or has lost what it was told.
	Told bool
}

// The levels of a Note.
const (
	Debug = note.Debug
	Info  = note.Info
	Warn  = note.Warn
	Error = note.Error
)

func (Save) IsEffect()         {}
func (Preflight) IsEffect()    {}
func (Start) IsEffect()        {}
func (Stop) IsEffect()         {}
func (ToController) IsEffect() {}
func (ToNodes) IsEffect()      {}
func (Drop) IsEffect()         {}
func (StoppedAll) IsEffect()   {}
