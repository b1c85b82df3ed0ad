package bus

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"unicode/utf8"
)

// errCloseReason ends a connection whose client sends a close frame with a reason
// that is not UTF-8 (RFC 6455 section 8.1).
var errCloseReason = errors.New("reason of the close frame is not UTF-8")

// Opcodes of frames (RFC 6455 section 5.2).
const (
	wsContinuation = 0x0
	wsClose        = 0x8
	wsPing         = 0x9
	wsPong         = 0xa
)

// wsFreeFragment is the length in bytes from which on a fragment costs nothing beside
// the message that it belongs to.
const wsFreeFragment = 1 << 10

// wsMeter is the connection below the framing library. It counts the client's frames
// before the library reads them. The library itself answers every ping, and ignores
// every pong and every empty fragment, without a limit.
type wsMeter struct {
	net.Conn
	src io.Reader // first the bytes that were read before, then Conn
	// charge is called with the number of frames that have come and that cost
	// something beside messages. It waits as long as the client's allowance demands.
	charge func(frames int)

	head    [14]byte // header of the current frame, as far as it was read
	headLen int
	left    uint64 // bytes of the frame's payload that were not read yet
	close   []byte // payload of a close frame, unmasked
	failed  error
}

// Read reads from the connection. It calls charge before it returns.
func (m *wsMeter) Read(p []byte) (int, error) {
	if m.failed != nil {
		return 0, m.failed
	}
	n, err := m.src.Read(p)
	frames, bad := m.scan(p[:n])
	if frames > 0 {
		m.charge(frames)
	}
	if bad >= 0 {
		m.failed = errCloseReason
		return bad, nil // without the last byte of the frame, so the library does not handle it
	}
	return n, err
}

// CloseWrite closes the sending half of the connection, if the connection can do
// that.
func (m *wsMeter) CloseWrite() error {
	if half, ok := m.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// scan looks at the frames in b. It returns the number of frames that begin in b and
// cost something beside messages. bad is the index of the last byte of a close frame
// whose reason is not UTF-8, or -1.
func (m *wsMeter) scan(b []byte) (frames, bad int) {
	for i := 0; i < len(b); {
		if m.left > 0 {
			n := int(min(m.left, uint64(len(b)-i)))
			if m.opcode() == wsClose {
				m.collect(b[i : i+n])
			}
			m.left -= uint64(n)
			i += n
			if m.left == 0 && m.opcode() == wsClose && !validClose(m.close) {
				return frames, i - 1
			}
			continue
		}
		if m.headLen == m.headSize() { // that of the last frame
			m.headLen, m.close = 0, nil
		}
		m.head[m.headLen] = b[i]
		m.headLen++
		i++
		if m.headLen == m.headSize() {
			m.left = m.payload()
			if m.costs() {
				frames++
			}
		}
	}
	return frames, -1
}

func (m *wsMeter) opcode() byte { return m.head[0] & 0x0f }

// headSize returns the length of the current frame's header. It returns 2 until the
// first two bytes are there, which tell the length.
func (m *wsMeter) headSize() int {
	if m.headLen < 2 {
		return 2
	}
	size := 2
	switch m.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if m.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

func (m *wsMeter) payload() uint64 {
	switch n := m.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(m.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(m.head[2:])
	default:
		return uint64(n)
	}
}

// costs reports whether the current frame costs something beside its message.
func (m *wsMeter) costs() bool {
	switch m.opcode() {
	case wsPing, wsPong:
		return true
	case wsContinuation:
		return m.payload() < wsFreeFragment
	}
	return false
}

// collect collects the next bytes of a close frame's payload. It drops the bytes
// beyond the longest payload that is allowed: the library refuses such a frame.
func (m *wsMeter) collect(masked []byte) {
	const most = 125
	for _, c := range masked[:min(len(masked), most-min(most, len(m.close)))] {
		if m.head[1]&0x80 != 0 {
			c ^= m.head[m.headLen-4+len(m.close)%4]
		}
		m.close = append(m.close, c)
	}
}

func validClose(payload []byte) bool { return len(payload) < 2 || utf8.Valid(payload[2:]) }
