package wire

import "encoding/binary"

// AppendPing appends the frame of a ping, which the peer answers with a pong of
// the same payload, in order with everything else (spec broker-wire 4.6).
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

// ByePayload returns the payload of the ping that announces a disconnect: the
// sender closes the connection when the pong arrives, because the peer has then
// read everything before it.
func ByePayload(number uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("BYE"), number)
}
