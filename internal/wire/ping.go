package wire

import "encoding/binary"

// AppendPing appends the frame of a ping. The peer answers with a pong of the same
// payload, after everything that was sent before the ping (spec broker-wire 4.6).
func AppendPing(dst []byte, sender, receiver ID, payload []byte) []byte {
	return AppendMessage(dst, Message{
		Sender: sender, Receiver: receiver, Type: TypePing, TTL: DefaultTTL,
		Topic: []byte(ReservedPrefix), Payload: payload,
	})
}

// AppendPong appends the frame that answers a ping.
func AppendPong(dst []byte, sender ID, ping Message) []byte {
	return AppendMessage(dst, Message{
		Sender: sender, Receiver: ping.Sender, Type: TypePong, TTL: DefaultTTL,
		Topic: []byte(ReservedPrefix), Payload: ping.Payload,
	})
}

// ByePayload returns the payload of a ping that says goodbye. When the pong arrives,
// the peer has read everything, and the sender closes the connection.
func ByePayload(number uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("BYE"), number)
}
