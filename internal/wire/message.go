package wire

import "encoding/binary"

// Type is the type of a node message.
type Type uint8

// The types of node messages.
const (
	TypeData Type = iota + 1
	TypeCommand
	TypeRoutingUpdate
	TypePing
	TypePong
)

const (
	// MaxTopic bounds a topic, in bytes.
	MaxTopic = 1<<16 - 1

	// DefaultTTL is the TTL of every message that is sent. No endpoint looks at it.
	DefaultTTL = 16

	headerSize = 37
)

// Message is a node message. Peers exchange node messages after their handshake (spec
// broker-wire 4.1).
type Message struct {
	Sender   ID // the peer that sends it
	Receiver ID // nil means every peer that wants the topic
	Type     Type
	TTL      uint16
	Topic    []byte
	Payload  []byte
}

// DecodeMessage decodes the message of one frame. Topic and Payload alias buf. The
// message's type may be unknown. The error is a *ProtocolError.
func DecodeMessage(buf []byte) (Message, error) {
	const part = "node message"
	if len(buf) < headerSize {
		return Message{}, malformed(part, "%d bytes, the header alone takes %d", len(buf), headerSize)
	}
	end := headerSize + int(binary.BigEndian.Uint16(buf[35:]))
	if end > len(buf) {
		return Message{}, malformed(part, "topic of %d bytes in a message of %d", end-headerSize, len(buf))
	}
	return Message{
		Sender:   ID(buf[0:16]),
		Receiver: ID(buf[16:32]),
		Type:     Type(buf[32]),
		TTL:      binary.BigEndian.Uint16(buf[33:]),
		Topic:    buf[headerSize:end:end],
		Payload:  buf[end:len(buf):len(buf)],
	}, nil
}

// AppendMessage appends the frame of m. It panics if the topic is longer than MaxTopic.
func AppendMessage(dst []byte, m Message) []byte {
	dst = appendHeader(dst, m.Sender, m.Receiver, m.Type, m.TTL, m.Topic, len(m.Payload))
	return append(dst, m.Payload...)
}

// DataFrameSize returns the size of a data message's frame.
func DataFrameSize(topic string, payload int) int {
	return lengthSize + headerSize + len(topic) + payload
}

// AppendDataHeader appends the frame of a data message for every peer that wants topic,
// up to the payload. The caller appends the payload, which must have exactly that many
// bytes. AppendDataHeader panics if topic is longer than MaxTopic.
func AppendDataHeader(dst []byte, sender ID, topic string, payload int) []byte {
	return appendHeader(dst, sender, ID{}, TypeData, DefaultTTL, topic, payload)
}

func appendHeader[T string | []byte](dst []byte, sender, receiver ID, typ Type, ttl uint16, topic T, payload int) []byte {
	if len(topic) > MaxTopic {
		panic("wire: topic beyond 65535 bytes")
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(headerSize+len(topic)+payload))
	dst = append(dst, sender[:]...)
	dst = append(dst, receiver[:]...)
	dst = append(dst, byte(typ))
	dst = binary.BigEndian.AppendUint16(dst, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(topic)))
	return append(dst, topic...)
}
