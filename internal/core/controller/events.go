package controller

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// PeerAdded says that a native peering was established. It comes before every
	// other event of that peer.
	PeerAdded struct {
		Peer mgmt.PeerID
		// Addr is the peer's address. If the controller dialed the peer, Addr is the
		// address that it dialed.
		Addr   netip.AddrPort
		Dialed bool
		// Fleet says that the peer is an agent of ours, because its subscriptions say so
		// (docs/decisions/0005). The controller asks such an agent for its nodes when it
		// joins, and whether it could run a configuration (mgmt.AgentPrepareRequest).
		Fleet bool
		// Plans says that the peer is an agent of ours that says what a deployment would do
		// (mgmt.AgentPlanRequest).
		Plans bool
		// Checks says that such an agent also checks all its nodes if it is asked to
		// (mgmt.AgentPlanRequest.All).
		Checks bool
		// Steers says that the peer is an agent of ours that can be told which nodes stay
		// stopped and which are not restarted (mgmt.AgentSteerRequest).
		Steers bool
		// Tells says that the agent itself tells what happens to its nodes, with the causes,
		// to the log of happenings. The machine then does not say it.
		Tells bool
		// Certificate is the name of the peer's certificate. Instances are the instances
		// for which the certificate lets the peer introduce itself. Without a certificate
		// the peer may introduce itself as any instance.
		Certificate string
		Instances   []mgmt.InstanceName
		// Fixed says that no setting lets the peer introduce itself as another instance.
		Fixed bool
		// Barred says why the peer may not introduce itself as any instance. Empty means
		// that it may.
		Barred string
	}
	// PeerLost says that a native peering ended. It comes after every other event of
	// that peer.
	PeerLost struct{ Peer mgmt.PeerID }

	// FromAgent is a message on an agent topic.
	FromAgent struct {
		Peer mgmt.PeerID
		// Instance is the part of the topic after the common prefix of agent topics.
		Instance mgmt.InstanceName
		Msg      mgmt.Message
	}
	// FromClient is a message of a WebSocket client on the controller topic.
	FromClient struct {
		Client    mgmt.PeerID
		Principal mgmt.Principal // who asks
		Msg       mgmt.Message
	}
	// ClientGone says that a WebSocket client's connection ended.
	ClientGone struct{ Client mgmt.PeerID }

	// Saved answers a Save, as the very next event. An empty Err means success.
	Saved struct{ Err string }
	// Deposed answers a Save, as the very next event. Nothing was saved, because
	// another controller has changed the stored state meanwhile.
	Deposed struct{}

	// Tick says that the time that NextWake returned has come.
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
