package websocket

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// Path is the only request target that a server of the API serves. The target
// must be equal byte for byte (spec websocket 4.1).
const Path = "/v1/messages/json"

// ServerHeader is the HTTP header in which our server announces what it can do.
// Zeek's server does not send the header, and Zeek's clients ignore it.
const ServerHeader = "Zeekfleet-Server"

// ForHeader is the HTTP header in which a controller says for whom it passes a request on
// to the controller that leads.
const ForHeader = "Zeekfleet-For"

// CloseWait bounds the time for sending a close frame and receiving its reply
// (spec websocket 11).
const CloseWait = 300 * time.Millisecond

// ConnectionLost reports whether err means that the connection is gone. Any
// other error of the framing library means that the peer broke a rule of the
// protocol.
func ConnectionLost(err error) bool {
	for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, os.ErrDeadlineExceeded} {
		if errors.Is(err, lost) {
			return true
		}
	}
	_, reported := errors.AsType[*net.OpError](err)
	return reported
}

// RootCause returns the error at the end of err's chain. It leaves out the text
// that the framing library puts around that error.
func RootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// ReadMessage appends everything that r holds to buf.
func ReadMessage(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
