package wire

import "fmt"

// ProtocolError says that the protocol does not allow the bytes of a peer at this
// point. The connection must end.
type ProtocolError struct {
	Part   string // the part of the protocol that was decoded, such as "hello" or "frame"
	Reason string
	// Code is the code of the DROP_CONN that the peer is sent. DropNone means that the
	// peer is sent nothing.
	Code DropCode
}

// Error returns part and reason.
func (e *ProtocolError) Error() string { return e.Part + ": " + e.Reason }

// DropError says that the peer has ended the handshake with a DROP_CONN.
type DropError struct {
	From ID
	Code DropCode
	Text string // chosen by the peer
}

// Error returns code and text. The text is quoted, and cut to one line.
func (e *DropError) Error() string {
	const line = 100
	return fmt.Sprintf("peer dropped the connection: %s, %.*q", e.Code, line, e.Text)
}

func malformed(part, format string, args ...any) *ProtocolError {
	return &ProtocolError{part, fmt.Sprintf(format, args...), DropInvalidMessage}
}
