package bus

import (
	"crypto/x509"
	"net/netip"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Kind says which protocol a peer speaks.
type Kind uint8

// The kinds of peers.
const (
	Native    Kind = iota + 1 // Broker's native protocol
	WebSocket                 // v1/messages/json
)

// String returns "native" or "websocket".
func (k Kind) String() string {
	switch k {
	case Native:
		return "native"
	case WebSocket:
		return "websocket"
	}
	return "invalid"
}

// Peer describes the other side of one connection. It does not change while the
// connection lasts.
type Peer struct {
	// ID is unique among the peers of an endpoint: a native peer's endpoint
	// ID as UUID text, or the ID that a WebSocket client was given in its ack.
	ID   string
	Kind Kind
	// Addr is the remote address; for a dialed peer it is the address dialed.
	// It is the zero AddrPort where the connection is not an IP connection.
	Addr netip.AddrPort
	// Dialed says that this side opened the connection.
	Dialed bool
	// App is the X-Application-Name of a WebSocket client.
	App string
	// Origin is the Origin header of a WebSocket client.
	Origin string
	// Caller is what this host knows of the other side without asking it.
	Caller Caller
	// Denied is why Config.Screen has refused the other side, or nil. Such a peer has
	// shown a certificate, or is a WebSocket client that Greet has let in.
	Denied error
	// Certificate is the certificate of the other side, which this side has judged. It
	// is nil if there is none.
	Certificate *x509.Certificate
	// Chain holds the certificates that the other side has shown, Certificate first. It
	// is nil if there is none.
	Chain *Chain
	// Identity is what TLS.Judge has said of Certificate.
	Identity string
	// Bearer is what a WebSocket client has shown as "Authorization: Bearer". It is a
	// secret.
	Bearer string
	// For is the websocket.ForHeader of a WebSocket client: for whom it says that it asks.
	// Greet has let such a client in.
	For string
}

// Chain is a list of certificates that one connection has shown.
type Chain struct {
	Certificates []*x509.Certificate
	// Judged is for those who judge the chain again while the connection lasts. The bus
	// leaves it alone.
	Judged atomic.Value
}

// An Event is something that a subscription reports. The set is closed.
type Event interface{ isEvent() }

// PeerAdded says that messages can now be exchanged with Peer. Topics are what the peer has
// announced in its handshake, or, for a later subscription, until then.
type PeerAdded struct {
	Peer   Peer
	Topics Topics
}

// PeerLost says that the connection with Peer has ended because of Err. Err is never
// nil. ErrPeerClosed means that the peer has closed the connection.
type PeerLost struct {
	Peer Peer
	Err  error
}

// PeerUpdated says that a native peer has announced another filter. From now on it
// may get other messages than before. The messages that follow were sent after Topics were
// announced, and the ones before were sent before. Endpoint.Wants may know of a later filter.
type PeerUpdated struct {
	Peer   Peer
	Topics Topics
}

// Message is a value that From published on Topic.
type Message struct {
	From  *Peer // nobody may change it: all messages of a peer have the same one
	Topic string
	Value zval.Value
}

func (PeerAdded) isEvent()   {}
func (PeerLost) isEvent()    {}
func (PeerUpdated) isEvent() {}
func (Message) isEvent()     {}
