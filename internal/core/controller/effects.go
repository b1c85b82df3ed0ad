package controller

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Effect is something that the shell must do now, in the order given. The
// effects are those below. The Machine owns all data that an effect refers to:
// nobody may change it.
type Effect interface{ IsEffect() }

type (
	// Save asks the shell to store these changes durably, all or none. It is the last
	// effect of its Step. Saved or Deposed answers it as the very next event.
	Save struct{ Changes []Change }

	// ToAgent sends Msg on the instance's agent topic, to Peer alone. If a message
	// cannot be delivered, the shell need not report that: it reports the loss of the
	// peer.
	ToAgent struct {
		Peer     mgmt.PeerID
		Instance mgmt.InstanceName
		Msg      mgmt.Message
	}
	// Refuse tells Peer on the instance's agent topic why it is not that
	// instance's agent. The message is a notify_error, which upstream's agents
	// ignore.
	Refuse struct {
		Peer     mgmt.PeerID
		Instance mgmt.InstanceName
		Reason   string
	}
	// Reply sends Msg, the response to a request of Client, on the controller topic,
	// to Client alone. Other clients must not be kept busy with the answers to a
	// client that asks much.
	Reply struct {
		Client mgmt.PeerID
		Msg    mgmt.Message
	}

	// Follow asks the agent of an instance what happens there, from now on and since it was
	// heard last. Hear is what the agent answers (mgmt.HappeningsTold).
	Follow struct {
		Peer     mgmt.PeerID
		Instance mgmt.InstanceName
	}
	Hear struct {
		Peer mgmt.PeerID
		Told mgmt.HappeningsTold
	}

	// Caused says that an operation has caused a change of a node, which the agent that is
	// Peer is about to tell.
	Caused struct {
		Peer      mgmt.PeerID
		Happening mgmt.Happening
	}

	// Connect asks for a peering with the agent at Addr. The shell keeps the peering
	// up until Disconnect. There is at most one Connect for each instance.
	Connect struct {
		Instance mgmt.InstanceName
		Addr     netip.AddrPort
	}
	// Disconnect takes a Connect back and ends its peering.
	Disconnect struct {
		Instance mgmt.InstanceName
		Addr     netip.AddrPort
	}

	// Audit keeps a record of a change that a user has asked for. The record must be
	// durable before the next effect is performed. Its Time and Seq are not set.
	Audit struct{ Record mgmt.AuditRecord }

	// Change replaces the value of a key. A nil Value deletes the key.
	Change struct {
		Key   string
		Value []byte
	}

	// Note is for the log.
	Note = note.Note
	// Happened is for the log of what happens in the cluster.
	Happened = note.Happened
)

// The levels of a Note.
const (
	Debug = note.Debug
	Info  = note.Info
	Warn  = note.Warn
	Error = note.Error
)

func (Save) IsEffect()       {}
func (ToAgent) IsEffect()    {}
func (Refuse) IsEffect()     {}
func (Reply) IsEffect()      {}
func (Follow) IsEffect()     {}
func (Hear) IsEffect()       {}
func (Caused) IsEffect()     {}
func (Connect) IsEffect()    {}
func (Disconnect) IsEffect() {}
func (Audit) IsEffect()      {}
