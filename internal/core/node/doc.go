// Package node decides what one cluster node says to its agent: its hello, and
// its answers to dispatches (spec management-api section 4).
//
// It is a pure machine. A shell feeds it everything that happens as an Event,
// together with the time, and performs the Effects it gets back, in order. The
// machine reads no clock, does no I/O, starts no goroutine and is not safe for
// concurrent use. All its peers are the node's agent. The shell tells the agent from
// other peers, by the connection and not by the address (7.4, G-N3).
//
// The machine answers each dispatch for this node once, to the peer that asked, as
// long as this peer is connected. It says hello on every peering with the agent,
// together with the names of its dispatches if there are more than one, and repeats both. Config bounds the dispatches that it holds. The shell bounds the
// peers.
package node
