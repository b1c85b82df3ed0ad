package bus

import (
	"sync/atomic"
	"time"
)

// Traffic is a peer with what its connection has carried.
type Traffic struct {
	Peer
	Since time.Time
	// Sent counts the messages that were queued for the peer, and Received those that came
	// from it, also those that nobody here wants.
	Sent, Received uint64
	// Lost counts the messages that a WebSocket client did not overhear because too many
	// waited for it. Any other message that finds no room ends the connection.
	Lost uint64
	// Queued of at most Limit messages wait.
	Queued, Limit int
}

// Peers returns all peers, in the order in which they connected. It takes a moment of each
// peer's lock, and none of the endpoint's.
func (e *Endpoint) Peers() []Traffic {
	links := e.hub.links()
	list := make([]Traffic, len(links))
	for i, l := range links {
		list[i] = l.traffic()
	}
	return list
}

// Known returns how many peers are no newcomers; see Meet.
func (e *Endpoint) Known() (n int) {
	for _, l := range e.hub.links() {
		if l.place().known.Load() {
			n++
		}
	}
	return n
}

// carried counts the messages of one connection.
type carried struct{ sent, received, lost atomic.Uint64 }

func (c *carried) traffic(p Peer, s *seat) Traffic {
	return Traffic{Peer: p, Since: s.since, Sent: c.sent.Load(), Received: c.received.Load(), Lost: c.lost.Load()}
}
