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

// errProbe means that the peer has closed the connection without sending anything.
var errProbe = fmt.Errorf("%w without a word", ErrPeerClosed)

// errPeerTLS means that the peer has answered plain text with a TLS alert.
var errPeerTLS = errors.New("the peer speaks TLS, and was spoken to without")

const (
	// minReadBuffer is the length of the buffer of a quiet peer, in bytes. Thousands of
	// peers are quiet.
	minReadBuffer = 2 << 10
	// maxReadBuffer is the length to which the buffer of a busy peer grows. Only a
	// longer frame makes the buffer longer.
	maxReadBuffer = 256 << 10
	// quietReads is the number of reads, one after the other, that leave most of the buffer
	// empty, after which it becomes shorter.
	quietReads = 16
)

// frameReader cuts frames out of a stream. One read may fetch many of them.
type frameReader struct {
	src        io.Reader
	buf        []byte
	start, end int  // the bytes in buf that were read and not cut yet
	quiet      int  // reads, up to the last one, that left most of buf empty
	begun      bool // the peer has sent something
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: src, buf: make([]byte, minReadBuffer)}
}

// cut returns the next message if the buffer holds all of it. Otherwise it returns
// wire.ErrShort. The message is valid until the next fill.
func (r *frameReader) cut(limit int) ([]byte, error) {
	message, rest, err := wire.CutFrame(r.buf[r.start:r.end], limit)
	if err != nil {
		return nil, err
	}
	r.start = r.end - len(rest)
	return message, nil
}

// fill reads once. The buffer grows with the bytes of a frame that have arrived. It
// does not grow because a peer announces a long frame.
func (r *frameReader) fill() error {
	r.makeRoom()
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if r.quiet++; r.end > len(r.buf)/8 {
		r.quiet = 0
	}
	if n > 0 {
		r.begun = true
		return nil // if there is an error too, the next read returns it again
	}
	if !r.begun && closedByPeer(err) {
		return errProbe
	}
	if r.end > r.start && closedByPeer(err) {
		return fmt.Errorf("%w in the middle of a frame", ErrPeerClosed)
	}
	return readError(err)
}

// large returns the bytes of the buffer beyond maxReadBuffer: a large frame takes
// them.
func (r *frameReader) large() int { return max(0, len(r.buf)-maxReadBuffer) }

// makeRoom moves the bytes that were not cut to the front of the buffer. It makes
// the buffer longer or shorter where that is due.
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
	case r.quiet >= quietReads && size > minReadBuffer && left <= size/4:
		size /= 2
		r.quiet = 0
	}
	buf := r.buf
	if size != len(buf) {
		buf = make([]byte, size)
	}
	copy(buf, r.buf[r.start:r.end])
	r.buf, r.start, r.end = buf, 0, left
}

// next reads until it has the next message, and returns it.
func (r *frameReader) next(limit int) ([]byte, error) {
	for {
		message, err := r.cut(limit)
		if err != nil && r.start == 0 && r.end >= 2 && r.buf[0] == websocket.TLSAlert && r.buf[1] == 3 {
			return nil, errPeerTLS // read as a length, the alert exceeds every limit
		}
		if err != wire.ErrShort {
			return message, err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// closedByPeer reports whether err means that the peer has closed the connection.
// Broker closes TLS connections without TLS's close message, so their end is an
// unexpected end of file (spec broker-wire 2.2).
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
