package bus

import "log/slog"

// ignored counts the messages of a native peer that were dropped without ending
// the connection.
type ignored struct {
	// unwanted messages had a topic that nobody here has subscribed to.
	unwanted uint64
	// misaddressed messages were for another endpoint, or named a sender other
	// than the peer.
	misaddressed uint64
	// commands belong to Broker's data stores.
	commands uint64
	// unknown messages had a type that version 1 of the protocol does not have.
	unknown uint64
	// reserved messages had a topic that only an endpoint itself may use.
	reserved uint64
}

// log writes the counts that are not zero. It writes nothing if all are zero.
func (i ignored) log(log *slog.Logger, peer string) {
	var counts []any
	for _, c := range []struct {
		key string
		n   uint64
	}{
		{"unwanted", i.unwanted}, {"misaddressed", i.misaddressed}, {"commands", i.commands},
		{"unknown", i.unknown}, {"reserved", i.reserved},
	} {
		if c.n > 0 {
			counts = append(counts, c.key, c.n)
		}
	}
	if counts != nil {
		log.Debug("messages of a peer were ignored", append([]any{"peer", peer}, counts...)...)
	}
}
