// Package wire is Broker's native peering protocol, version 1, as bytes and
// state: framing, handshake, node messages and topic filters (spec broker-wire
// sections 1, 3 and 4). Package wire/native reads and writes the values inside data
// messages. Event is the envelope that Zeek puts around the events among these
// values, on native peerings and on WebSockets alike.
//
// The package does no I/O, reads no clock and starts no goroutines. What a decoder
// returns aliases the buffer that the decoder was given. A decoder never allocates
// memory of a size that a peer names. Each message that a decoder accepts is encoded
// to the same bytes again. There is one exception: like Broker, the package ignores
// bytes after a complete handshake message.
package wire
