package sockowner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// The sizes of struct nlmsghdr, inet_diag_sockid, inet_diag_req_v2 and
// inet_diag_msg (linux/netlink.h, linux/inet_diag.h).
const (
	headerSize   = 16
	sockIDSize   = 48
	questionSize = headerSize + 8 + sockIDSize
	answerSize   = 4 + sockIDSize + 5*4
)

// question renders the request for one TCP socket. Ports and addresses are in
// network byte order, other numbers in the host's.
func question(at, peer netip.AddrPort) []byte {
	b := make([]byte, 0, questionSize)
	b = binary.NativeEndian.AppendUint32(b, questionSize)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence and port
	family := byte(unix.AF_INET)
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0)) // in any state
	b = binary.BigEndian.AppendUint16(b, at.Port())
	b = binary.BigEndian.AppendUint16(b, peer.Port())
	b = appendAddr(b, at.Addr())
	b = appendAddr(b, peer.Addr())
	b = binary.NativeEndian.AppendUint32(b, 0)             // on any interface
	return binary.NativeEndian.AppendUint64(b, ^uint64(0)) // with any cookie
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		four := a.As4()
		return append(append(b, four[:]...), make([]byte, 12)...)
	}
	sixteen := a.As16()
	return append(b, sixteen[:]...)
}

// connected reports whether a socket in this state (net/tcp_states.h) belongs to an
// established connection, which its owner may have begun to close. A socket that is
// still connecting does not count: it can have the addresses of an earlier connection
// that the peer has reset.
func connected(state byte) bool {
	const established, finWait1, finWait2, closeWait = 1, 4, 5, 8
	return state == established || state == finWait1 || state == finWait2 || state == closeWait
}

// answer reads the kernel's answer to a question.
func answer(b []byte) (Owner, error) {
	if len(b) < headerSize {
		return Owner{}, fmt.Errorf("sock_diag answers with %d bytes", len(b))
	}
	kind, body := binary.NativeEndian.Uint16(b[4:]), b[headerSize:]
	switch {
	case kind == unix.NLMSG_ERROR && len(body) >= 4:
		errno := syscall.Errno(-int32(binary.NativeEndian.Uint32(body)))
		if errors.Is(errno, unix.ENOENT) {
			return Owner{}, ErrElsewhere
		}
		return Owner{}, fmt.Errorf("sock_diag answers: %w", errno)
	case kind == unix.SOCK_DIAG_BY_FAMILY && len(body) >= answerSize:
		if !connected(body[1]) {
			return Owner{}, ErrOrphan
		}
		rest := body[4+sockIDSize+3*4:]
		return Owner{
			UID:   binary.NativeEndian.Uint32(rest),
			Inode: uint64(binary.NativeEndian.Uint32(rest[4:])),
		}, nil
	}
	return Owner{}, fmt.Errorf("sock_diag answers with a message of type %d and %d bytes", kind, len(b))
}
