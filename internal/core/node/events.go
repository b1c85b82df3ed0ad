package node

import (
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// PeerAdded says that a peering with the agent was established.
	PeerAdded struct{ Peer mgmt.PeerID }
	// PeerLost says that a peering with the agent ended.
	PeerLost struct{ Peer mgmt.PeerID }
	// Received is a request that came on the node topic.
	Received struct {
		Peer mgmt.PeerID
		Msg  mgmt.NodeDispatchRequest
	}
	// Returned answers a Call. Data is the JSON text of the value. If Err is not
	// empty, the dispatch has failed.
	Returned struct {
		Call uint64
		Data string
		Err  string
	}
	// Tick says that the time offered by NextWake has come.
	Tick struct{}
)

func (PeerAdded) isEvent() {}
func (PeerLost) isEvent()  {}
func (Received) isEvent()  {}
func (Returned) isEvent()  {}
func (Tick) isEvent()      {}

// An Effect is something that must be done now, in the order given. The effects
// are those below.
type Effect interface{ IsEffect() }

type (
	// Publish sends Msg on the node topic to Peer.
	Publish struct {
		Peer mgmt.PeerID
		Msg  mgmt.Message
	}
	// Call asks the shell to run a dispatch, for example mgmt.GetIDValue. One
	// Returned answers it.
	Call struct {
		Call   uint64
		Action string
		Args   []string
	}
	// Note is for the log.
	Note = note.Note
)

func (Publish) IsEffect() {}
func (Call) IsEffect()    {}

// The levels of a Note.
const (
	Debug = note.Debug
	Info  = note.Info
	Warn  = note.Warn
)
