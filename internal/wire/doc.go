// Package wire is Broker's native peering protocol, version 1, as bytes and
// state: framing, handshake, node messages and topic filters (spec broker-wire
// sections 1, 3 and 4). Package wire/native reads and writes the values inside data
// messages. Event is the envelope that Zeek puts around the events among these
// values, on native peerings and on WebSockets alike.
//
// The package does no I/O, reads no clock and starts no goroutines. Decoders
// alias the buffers they are given and never allocate by a size that a peer
// names. Whatever they accept they write back byte for byte, with one
// exception: bytes after a complete handshake message are ignored, as Broker
// does.
package wire
