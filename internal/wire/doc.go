// Package wire is Broker's native peering protocol, version 1, as bytes and
// state: framing, handshake, node messages and topic filters (spec broker-wire
// sections 1, 3 and 4). The values inside data messages are the business of
// wire/native.
//
// The package does no I/O, reads no clock and starts no goroutines. Decoders
// alias the buffers they are given and never allocate by a size that a peer
// names. Whatever they accept they write back byte for byte, with one
// exception: bytes after a complete handshake message are ignored, as Broker
// does.
package wire
