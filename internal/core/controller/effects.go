package controller

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Effect is something that must be done now, in the order given. The effects
// are those below. What an effect refers to belongs to the machine: nobody changes
// it.
type Effect interface{ IsEffect() }

type (
	// Save asks for these changes to be stored durably, all or none. It is the
	// last effect of its Step, and is answered by Saved or Deposed as the very
	// next event.
	Save struct{ Changes []Change }

	// ToAgent sends Msg on the instance's agent topic, to Peer alone. A message
	// that cannot be delivered needs no report: the loss of the peer is one.
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
	// Reply sends Msg, the response to a request of Client, on the controller
	// topic, to Client alone: a client that asks much must not be able to keep
	// others busy with its answers.
	Reply struct {
		Client mgmt.PeerID
		Msg    mgmt.Message
	}

	// Connect asks for a peering with the agent at Addr, kept up until
	// Disconnect. There is at most one per instance.
	Connect struct {
		Instance mgmt.InstanceName
		Addr     netip.AddrPort
	}
	// Disconnect takes a Connect back and ends its peering.
	Disconnect struct {
		Instance mgmt.InstanceName
		Addr     netip.AddrPort
	}

	// Change replaces the value of a key. A nil Value deletes the key.
	Change struct {
		Key   string
		Value []byte
	}

	// Note is for the log.
	Note = note.Note
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
func (Connect) IsEffect()    {}
func (Disconnect) IsEffect() {}
