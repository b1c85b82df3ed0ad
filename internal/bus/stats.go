package bus

import "sync/atomic"

// Stats counts what an endpoint has dropped without ending a connection, since
// it was made.
type Stats struct {
	// Unwanted messages had a topic that nobody here has subscribed to.
	Unwanted uint64
	// Misaddressed messages were for another endpoint, or not from the peer
	// that sent them.
	Misaddressed uint64
	// Commands belong to Broker's data stores.
	Commands uint64
	// Unknown messages had a type that version 1 of the protocol has not.
	Unknown uint64
	// Reserved messages had a topic that only an endpoint itself may use.
	Reserved uint64
	// Unsendable messages were published here, but have no place in the native
	// protocol: a reserved or too long topic, or more than Config.MaxFrame.
	Unsendable uint64
	// Refused events of WebSocket clients could not be read, were not admitted,
	// or had a topic that is not theirs to use. Their senders were told.
	Refused uint64
	// Abandoned events of WebSocket clients had to wait, and their senders left.
	Abandoned uint64
}

type counters struct {
	unwanted, misaddressed, commands, unknown, reserved, unsendable, refused, abandoned atomic.Uint64
}

// Stats returns the counts so far.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Unwanted:     e.stats.unwanted.Load(),
		Misaddressed: e.stats.misaddressed.Load(),
		Commands:     e.stats.commands.Load(),
		Unknown:      e.stats.unknown.Load(),
		Reserved:     e.stats.reserved.Load(),
		Unsendable:   e.stats.unsendable.Load(),
		Refused:      e.stats.refused.Load(),
		Abandoned:    e.stats.abandoned.Load(),
	}
}
