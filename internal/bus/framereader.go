package bus

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// ErrPeerClosed means that the peer has closed the connection.
var ErrPeerClosed = errors.New("peer closed the connection")

// errProbe is an ErrPeerClosed of a peer that has not said anything.
var errProbe = fmt.Errorf("%w without a word", ErrPeerClosed)

// errPeerTLS means that a peer answers plain text with a TLS alert.
var errPeerTLS = errors.New("the peer speaks TLS, and was spoken to without")

const (
	// minReadBuffer is what a quiet peer costs; maxReadBuffer is what the
	// buffer of a busy one grows to. Only a larger frame makes it larger.
	minReadBuffer = 8 << 10
	maxReadBuffer = 256 << 10
)

// frameReader cuts frames out of a stream. One read may fetch many of them.
type frameReader struct {
	src        io.Reader
	buf        []byte
	start, end int  // of what has been read and not been cut
	begun      bool // something has been read
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: src, buf: make([]byte, minReadBuffer)}
}

// cut returns the next message if it is in the buffer already; wire.ErrShort
// otherwise. The message is valid until the next fill.
func (r *frameReader) cut(limit int) ([]byte, error) {
	message, rest, err := wire.CutFrame(r.buf[r.start:r.end], limit)
	if err != nil {
		return nil, err
	}
	r.start = r.end - len(rest)
	return message, nil
}

// fill reads once. The memory it takes for a frame grows with what has arrived
// of it, not with what was announced.
func (r *frameReader) fill() error {
	r.makeRoom()
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		r.begun = true
		return nil // a lasting error comes again
	}
	if !r.begun && closedByPeer(err) {
		return errProbe
	}
	if r.end > r.start && closedByPeer(err) {
		return fmt.Errorf("%w in the middle of a frame", ErrPeerClosed)
	}
	return readError(err)
}

// large returns the bytes that a large frame takes in memory, as far as it is
// there, beyond what any busy peer may take.
func (r *frameReader) large() int { return max(0, len(r.buf)-maxReadBuffer) }

// makeRoom moves what is left to the front of a buffer that has room after it.
func (r *frameReader) makeRoom() {
	left := r.end - r.start
	size := len(r.buf)
	switch {
	case left == size: // part of a large frame
		size *= 2
	case r.end == size && size < maxReadBuffer: // the last read has filled it
		size *= 2
	case left <= maxReadBuffer/2 && size > maxReadBuffer: // a large frame is done with
		size = maxReadBuffer
	}
	buf := r.buf
	if size != len(buf) {
		buf = make([]byte, size)
	}
	copy(buf, r.buf[r.start:r.end])
	r.buf, r.start, r.end = buf, 0, left
}

// next returns the next message, reading as often as it takes.
func (r *frameReader) next(limit int) ([]byte, error) {
	for {
		message, err := r.cut(limit)
		if err != nil && r.start == 0 && r.end >= 2 && r.buf[0] == websocket.TLSAlert && r.buf[1] == 3 {
			return nil, errPeerTLS // as a length, it exceeds every limit
		}
		if err != wire.ErrShort {
			return message, err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// closedByPeer recognises the ends of connections that are no accident. Broker
// closes TLS without saying so, which makes them unexpected ends of file (spec
// broker-wire 2.2).
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func readError(err error) error {
	if closedByPeer(err) {
		return ErrPeerClosed
	}
	return err
}
