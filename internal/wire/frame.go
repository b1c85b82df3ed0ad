package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxHandshakeFrame bounds the bytes of a handshake message. The largest filter
	// fits.
	MaxHandshakeFrame = 128 << 10

	// DefaultMaxFrame bounds the bytes of a node message unless another bound is
	// configured.
	DefaultMaxFrame = 64 << 20

	lengthSize = 4
)

// ErrShort means that the buffer does not hold a whole frame yet.
var ErrShort = errors.New("frame is not complete")

// CutFrame returns the message of the first frame in buf, and the rest of buf. Both
// alias buf. A message may be empty. If the frame is not complete, CutFrame returns
// ErrShort. If the frame announces more than limit bytes, CutFrame returns a
// *ProtocolError, even before the frame is complete (spec broker-wire 1.1).
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

// oversized returns the error for a frame that announces too many bytes. It looks
// whether the frame is the start of a TLS record: a peer sends that if it expects TLS
// (spec broker-wire 8.4).
func oversized(buf []byte, length uint32, limit int) error {
	const alert, handshake = 0x15, 0x16
	if (buf[0] == alert || buf[0] == handshake) && buf[1] == 3 {
		return &ProtocolError{Part: "frame", Reason: "the peer speaks TLS, this side does not"}
	}
	return &ProtocolError{Part: "frame", Reason: fmt.Sprintf("%d bytes announced, at most %d are allowed", length, limit)}
}

// beginFrame appends room for the length of a frame.
func beginFrame(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// endFrame fills in the length of the frame that begins at begin.
func endFrame(dst []byte, begin int) []byte {
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(dst)-begin-lengthSize))
	return dst
}
