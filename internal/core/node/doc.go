// Package node decides what one cluster node says to its agent: its hello, and
// its answers to dispatches (spec management-api section 4).
//
// It is a pure machine. A shell feeds it everything that happens as an Event,
// together with the time, and performs the Effects it gets back, in order. The
// machine reads no clock, does no I/O, starts no goroutine and is not safe for
// concurrent use. It knows only peers that are the node's agent: telling them
// from others, by the connection rather than by its address (7.4, G-N3), is the
// shell's part.
//
// What it promises: each dispatch that is for this node is answered once, to the
// peer that asked, for as long as that is connected; the hello is said to every
// agent's peering, again and again; and what the machine remembers is bounded by
// its Config, and by the peers that the shell lets in.
package node
