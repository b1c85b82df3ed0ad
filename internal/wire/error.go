package wire

import "fmt"

// ProtocolError says that the bytes of a peer are not what the protocol allows
// at this point. The connection cannot go on after it.
type ProtocolError struct {
	Part   string // what was being read, as in "hello" or "frame"
	Reason string
	// Code is what the peer is told in a DROP_CONN, or DropNone if it is told
	// nothing.
	Code DropCode
}

// Error returns part and reason.
func (e *ProtocolError) Error() string { return e.Part + ": " + e.Reason }

// DropError says that the peer has ended the handshake with a DROP_CONN.
type DropError struct {
	From ID
	Code DropCode
	Text string // free text of the peer's choosing
}

// Error returns code and text, the text quoted and no longer than a line.
func (e *DropError) Error() string {
	const line = 100
	return fmt.Sprintf("peer dropped the connection: %s, %.*q", e.Code, line, e.Text)
}

func malformed(part, format string, args ...any) *ProtocolError {
	return &ProtocolError{part, fmt.Sprintf(format, args...), DropInvalidMessage}
}
