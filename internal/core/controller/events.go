package controller

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// PeerAdded says that a native peering was established; it precedes
	// everything that comes from that peer.
	PeerAdded struct {
		Peer mgmt.PeerID
		// Addr is the peer's address. If the controller dialed the peer, Addr is the
		// address that it dialed.
		Addr   netip.AddrPort
		Dialed bool
		// Fleet says that the peer is an agent of ours: its subscriptions say so
		// (docs/decisions/0005). It is asked whether it could deploy something
		// (mgmt.AgentPrepareRequest), and for its nodes when it joins.
		Fleet bool
		// Certificate is the name of the certificate that the peer has shown, and
		// Instances are those as which that lets it introduce itself; without a
		// certificate, it may introduce itself as any.
		Certificate string
		Instances   []mgmt.InstanceName
	}
	// PeerLost says that a native peering ended; it follows everything that came
	// from that peer.
	PeerLost struct{ Peer mgmt.PeerID }

	// FromAgent is a message that came on an agent topic.
	FromAgent struct {
		Peer mgmt.PeerID
		// Instance is what follows the agent topics' common prefix.
		Instance mgmt.InstanceName
		Msg      mgmt.Message
	}
	// FromClient is a message that came on the controller topic, from a
	// WebSocket client.
	FromClient struct {
		Client    mgmt.PeerID
		Principal mgmt.Principal // who asks
		Msg       mgmt.Message
	}
	// ClientGone says that a WebSocket client's connection ended.
	ClientGone struct{ Client mgmt.PeerID }

	// Saved answers a Save, as the very next event; an empty Err is success.
	Saved struct{ Err string }
	// Deposed answers a Save, as the very next event: nothing was saved, because
	// another controller has changed the stored state meanwhile.
	Deposed struct{}

	// Tick says that the time offered by NextWake has come.
	Tick struct{}
)

func (PeerAdded) isEvent()  {}
func (PeerLost) isEvent()   {}
func (FromAgent) isEvent()  {}
func (FromClient) isEvent() {}
func (ClientGone) isEvent() {}
func (Saved) isEvent()      {}
func (Deposed) isEvent()    {}
func (Tick) isEvent()       {}
