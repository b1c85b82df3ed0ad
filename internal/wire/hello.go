package wire

import (
	"encoding/binary"
	"fmt"
)

// Version is the only version of the protocol.
const Version = 1

const magic = 0x5a45454b // "ZEEK"

// HandshakeMessage is one message of the handshake. The set is closed.
type HandshakeMessage interface {
	tag() byte
	name() string
	appendBody(dst []byte) []byte
}

// Hello introduces a side that does not know yet which side is the originator.
type Hello struct {
	ID                     ID
	MinVersion, MaxVersion uint8
}

// Probe is the first message of an acceptor. It makes a peer fail early that does not
// expect what the connection runs over, plain TCP or TLS.
type Probe struct{}

// VersionSelect introduces the originator, and fixes the version.
type VersionSelect struct {
	ID      ID
	Version uint8
}

// DropConn ends the handshake.
type DropConn struct {
	ID   ID
	Code DropCode
	Text string
}

// OriginatorSyn carries the originator's filter.
type OriginatorSyn struct{ Prefixes []string }

// ResponderSynAck carries the responder's filter.
type ResponderSynAck struct{ Prefixes []string }

// OriginatorAck concludes the handshake.
type OriginatorAck struct{}

func (Hello) tag() byte           { return 6 }
func (Probe) tag() byte           { return 7 }
func (VersionSelect) tag() byte   { return 8 }
func (DropConn) tag() byte        { return 9 }
func (OriginatorSyn) tag() byte   { return 10 }
func (ResponderSynAck) tag() byte { return 11 }
func (OriginatorAck) tag() byte   { return 12 }

func (Hello) name() string           { return "hello" }
func (Probe) name() string           { return "probe" }
func (VersionSelect) name() string   { return "version_select" }
func (DropConn) name() string        { return "drop_conn" }
func (OriginatorSyn) name() string   { return "originator_syn" }
func (ResponderSynAck) name() string { return "responder_syn_ack" }
func (OriginatorAck) name() string   { return "originator_ack" }

func (m Hello) appendBody(dst []byte) []byte {
	return append(appendIdentity(dst, m.ID), m.MinVersion, m.MaxVersion)
}

func (Probe) appendBody(dst []byte) []byte { return binary.BigEndian.AppendUint32(dst, magic) }

func (m VersionSelect) appendBody(dst []byte) []byte {
	return append(appendIdentity(dst, m.ID), m.Version)
}

func (m DropConn) appendBody(dst []byte) []byte {
	return appendString(append(appendIdentity(dst, m.ID), byte(m.Code)), m.Text)
}

func (m OriginatorSyn) appendBody(dst []byte) []byte   { return appendPrefixes(dst, m.Prefixes) }
func (m ResponderSynAck) appendBody(dst []byte) []byte { return appendPrefixes(dst, m.Prefixes) }
func (OriginatorAck) appendBody(dst []byte) []byte     { return dst }

func appendIdentity(dst []byte, id ID) []byte {
	return append(binary.BigEndian.AppendUint32(dst, magic), id[:]...)
}

// AppendHandshake appends the frame of m (spec broker-wire 3.2).
func AppendHandshake(dst []byte, m HandshakeMessage) []byte {
	begin := len(dst)
	dst = append(beginFrame(dst), m.tag())
	return endFrame(m.appendBody(dst), begin)
}

// DecodeHandshake decodes the handshake message of one frame. It ignores bytes after
// the message. The error is a *ProtocolError with the Code that Broker would send.
func DecodeHandshake(buf []byte) (HandshakeMessage, error) {
	if len(buf) == 0 {
		return nil, &ProtocolError{Part: "handshake", Reason: "empty message"}
	}
	body := buf[1:]
	switch buf[0] {
	case Hello{}.tag():
		id, rest, err := cutIdentity("hello", body, 2)
		if err != nil {
			return nil, err
		}
		return Hello{id, rest[0], rest[1]}, nil
	case Probe{}.tag():
		return Probe{}, checkMagic("probe", body)
	case VersionSelect{}.tag():
		id, rest, err := cutIdentity("version_select", body, 1)
		if err != nil {
			return nil, err
		}
		return VersionSelect{id, rest[0]}, nil
	case DropConn{}.tag():
		return decodeDropConn(body)
	case OriginatorSyn{}.tag():
		prefixes, _, err := cutPrefixes("originator_syn", body)
		return OriginatorSyn{prefixes}, err
	case ResponderSynAck{}.tag():
		prefixes, _, err := cutPrefixes("responder_syn_ack", body)
		return ResponderSynAck{prefixes}, err
	case OriginatorAck{}.tag():
		return OriginatorAck{}, nil
	}
	return nil, malformed("handshake", "unknown message type %d", buf[0])
}

func decodeDropConn(body []byte) (HandshakeMessage, error) {
	const part = "drop_conn"
	id, rest, err := cutIdentity(part, body, 2)
	if err != nil {
		return nil, err
	}
	text, _, ok := cutString(rest[1:])
	if !ok {
		return nil, malformed(part, "description is cut off")
	}
	return DropConn{id, DropCode(rest[0]), text}, nil
}

// cutIdentity decodes magic number and ID. At least more bytes must follow them.
func cutIdentity(part string, body []byte, more int) (id ID, rest []byte, err error) {
	if err := checkMagic(part, body); err != nil {
		return id, nil, err
	}
	const size = 4 + len(id)
	if len(body) < size+more {
		return id, nil, malformed(part, "%d bytes", len(body)+1)
	}
	return ID(body[4:size]), body[size:], nil
}

func checkMagic(part string, body []byte) error {
	if len(body) < 4 {
		return malformed(part, "%d bytes", len(body)+1)
	}
	if got := binary.BigEndian.Uint32(body); got != magic {
		return &ProtocolError{part, fmt.Sprintf("wrong magic number %#08x", got), DropWrongMagic}
	}
	return nil
}
