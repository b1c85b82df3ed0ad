package nic

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A Socket is a packet socket: one with which a program captures.
type Socket struct {
	Inode uint64
	// Interface is the number of the interface, or 0 for all.
	Interface int
	// Fanout says that the socket is in the fan-out group FanoutID.
	Fanout   bool
	FanoutID uint16
}

// The sizes of struct nlmsghdr, packet_diag_req and packet_diag_msg, and what is asked for and
// told (linux/packet_diag.h).
const (
	headerSize   = 16
	questionSize = headerSize + 20
	answerSize   = 16
	showInfo     = 1
	showFanout   = 8
	attrInfo     = 0
	attrFanout   = 4
)

// maxSockets bounds the packet sockets that are looked at.
const maxSockets = 4096

// Sockets returns the packet sockets of this network namespace. A kernel without packet_diag is
// an error.
func Sockets() ([]Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return nil, fmt.Errorf("bound the wait for sock_diag: %w", err)
	}
	if err := unix.Sendto(fd, question(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("ask sock_diag for packet sockets: %w", err)
	}
	var list []Socket
	buf := make([]byte, 64<<10)
	for len(list) < maxSockets {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer of sock_diag: %w", err)
		}
		some, done, err := ParseSockets(buf[:n])
		list = append(list, some...)
		if err != nil {
			return nil, err
		}
		if done {
			break
		}
	}
	return list, nil
}

func question() []byte {
	b := make([]byte, 0, questionSize)
	b = binary.NativeEndian.AppendUint32(b, questionSize)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, make([]byte, 8)...) // sequence and port
	b = append(b, unix.AF_PACKET, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 0) // any inode
	b = binary.NativeEndian.AppendUint32(b, showInfo|showFanout)
	return append(b, make([]byte, 8)...) // any cookie
}

// ParseSockets reads messages of sock_diag about packet sockets. done says that the last one is
// among them.
func ParseSockets(b []byte) (list []Socket, done bool, err error) {
	for len(b) >= headerSize {
		size, kind := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if size < headerSize || size > len(b) {
			return list, true, fmt.Errorf("sock_diag tells a message of %d bytes in %d", size, len(b))
		}
		body := b[headerSize:size]
		b = b[min(aligned(size), len(b)):]
		switch {
		case kind == unix.NLMSG_DONE:
			return list, true, nil
		case kind == unix.NLMSG_ERROR && len(body) >= 4:
			return list, true, fmt.Errorf("sock_diag answers: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(body))))
		case kind == unix.SOCK_DIAG_BY_FAMILY && len(body) >= answerSize:
			list = append(list, socket(body))
		}
	}
	return list, false, nil
}

func aligned(size int) int { return (size + 3) &^ 3 }

// socket reads a packet_diag_msg with its attributes.
func socket(body []byte) Socket {
	s := Socket{Inode: uint64(binary.NativeEndian.Uint32(body[4:]))}
	for rest := body[answerSize:]; len(rest) >= unix.SizeofRtAttr; {
		size, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < unix.SizeofRtAttr || size > len(rest) {
			break
		}
		value := rest[unix.SizeofRtAttr:size]
		rest = rest[min(aligned(size), len(rest)):]
		switch {
		case kind == attrInfo && len(value) >= 4:
			s.Interface = int(binary.NativeEndian.Uint32(value))
		case kind == attrFanout && len(value) >= 4:
			s.Fanout, s.FanoutID = true, uint16(binary.NativeEndian.Uint32(value))
		}
	}
	return s
}
