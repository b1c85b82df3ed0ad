package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxHandshakeFrame bounds a message of the handshake. It has room for the
	// largest filter.
	MaxHandshakeFrame = 128 << 10

	// DefaultMaxFrame bounds a node message where nothing else is configured.
	DefaultMaxFrame = 64 << 20

	lengthSize = 4
)

// ErrShort says that the buffer does not hold a whole frame yet.
var ErrShort = errors.New("frame is not complete")

// CutFrame splits the first frame off buf, and returns its message without the
// length. A message may be empty; it aliases buf. A frame that announces more
// than limit bytes is a *ProtocolError as soon as its length is there; one that
// is not complete is ErrShort (spec broker-wire 1.1).
func CutFrame(buf []byte, limit int) (message, rest []byte, err error) {
	if len(buf) < lengthSize {
		return nil, buf, ErrShort
	}
	length := binary.BigEndian.Uint32(buf)
	if uint64(length) > uint64(limit) {
		return nil, buf, oversized(buf, length, limit)
	}
	if uint64(len(buf)-lengthSize) < uint64(length) {
		return nil, buf, ErrShort
	}
	end := lengthSize + int(length)
	return buf[lengthSize:end:end], buf[end:], nil
}

// oversized tells a long message from the start of a TLS record, which is what
// a peer sends that expects TLS where there is none (spec broker-wire 8.4).
func oversized(buf []byte, length uint32, limit int) error {
	const alert, handshake = 0x15, 0x16
	if (buf[0] == alert || buf[0] == handshake) && buf[1] == 3 {
		return &ProtocolError{Part: "frame", Reason: "the peer speaks TLS, this side does not"}
	}
	return &ProtocolError{Part: "frame", Reason: fmt.Sprintf("%d bytes announced, at most %d are allowed", length, limit)}
}

// beginFrame appends room for a length; endFrame, called with the position
// where the frame began, fills it in.
func beginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

func endFrame(dst []byte, begin int) []byte {
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-lengthSize))
	return dst
}
