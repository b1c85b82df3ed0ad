package sockowner

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tables are the tables of TCP sockets. A kernel without IPv6 has only the first.
var tables = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// fromTables looks for a TCP socket in the tables of /proc/net. Its time grows with
// the number of sockets on the host.
func fromTables(at, peer netip.AddrPort) (Owner, error) {
	var missing error
	for _, table := range tables {
		f, err := os.Open(table)
		if err != nil {
			missing = err
			continue
		}
		owner, ok, err := find(f, at, peer)
		f.Close()
		if err != nil {
			return Owner{}, fmt.Errorf("read %s: %w", table, err)
		}
		if ok {
			return known(owner, nil)
		}
	}
	if missing != nil && at.Addr().Is4() {
		return Owner{}, fmt.Errorf("look for a socket: %w", missing)
	}
	return Owner{}, ErrElsewhere
}

// find looks for a socket in a table. ok is false if the table does not have it. The
// owner is zero if the socket is not connected.
func find(table io.Reader, at, peer netip.AddrPort) (owner Owner, ok bool, err error) {
	for s, err := range rows(table) {
		if err != nil && s == (Socket{}) {
			return Owner{}, false, err // the table could not be read
		}
		if s.At != at || s.peer != peer {
			continue
		}
		if err == nil && !connected(s.state) {
			return Owner{}, true, nil // no process owns the connection
		}
		return s.Owner, err == nil, err
	}
	return Owner{}, false, nil
}

// Socket is a TCP socket of this host.
type Socket struct {
	At netip.AddrPort // its own address
	Owner

	peer  netip.AddrPort
	state byte
}

// Listening returns the TCP sockets of this host that listen. It leaves out tables
// and rows that it cannot read.
func Listening() []Socket {
	var found []Socket
	for _, table := range tables {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		found = append(found, listening(f)...)
		f.Close()
	}
	return found
}

// ConnectedWith returns the TCP sockets of this host that are connected with the port
// at an address of this host: the clients' ends of the connections. The zero Addr and
// unspecified addresses mean all addresses. It leaves out tables and rows that it
// cannot read, and sockets that no process has any longer.
func ConnectedWith(at netip.AddrPort) []Socket {
	var found []Socket
	for _, table := range tables {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		found = append(found, connectedWith(f, at)...)
		f.Close()
	}
	return found
}

func connectedWith(table io.Reader, at netip.AddrPort) []Socket {
	all := !at.Addr().IsValid() || at.Addr().IsUnspecified()
	var found []Socket
	for s, err := range rows(table) {
		matches := s.peer.Port() == at.Port() && (all || s.peer.Addr() == at.Addr().Unmap())
		if err == nil && matches && connected(s.state) && s.Inode != 0 {
			found = append(found, s)
		}
	}
	return found
}

// listens is the state of a socket that listens (BPF_TCP_LISTEN).
const listens = unix.BPF_TCP_LISTEN

// listening returns the sockets of a table that listen. The kernel lists these first, and
// older kernels list with them the connections that are being opened (tcp_seq_start in
// net/ipv4/tcp_ipv4.c). So listening reads no further than to the first other socket: the
// rest of the table takes the kernel a millisecond or more.
func listening(table io.Reader) []Socket {
	var found []Socket
	for s, err := range rows(table) {
		switch {
		case err != nil:
		case s.state == listens:
			found = append(found, s)
		case s.state != unix.BPF_TCP_SYN_RECV:
			return found
		}
	}
	return found
}

// rows reads a table of /proc/net. An error with a socket says that the row of the
// socket could not be read; the socket then has only its addresses. An error without
// a socket comes from the reader, and ends the table.
func rows(table io.Reader) iter.Seq2[Socket, error] {
	return func(yield func(Socket, error) bool) {
		lines := bufio.NewScanner(table)
		for lines.Scan() {
			s, ok, err := parseRow(lines.Text())
			if ok && !yield(s, err) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Socket{}, err)
		}
	}
}

// parseRow reads a row. ok is false for a row that describes no socket, such as the
// heading.
func parseRow(text string) (s Socket, ok bool, err error) {
	// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
	fields := strings.Fields(text)
	if len(fields) < 10 {
		return s, false, nil
	}
	at, atOK := parseAddrPort(fields[1])
	peer, peerOK := parseAddrPort(fields[2])
	if !atOK || !peerOK {
		return s, false, nil
	}
	s = Socket{At: at, peer: peer}
	state, err := strconv.ParseUint(fields[3], 16, 8)
	if err != nil {
		return s, true, fmt.Errorf("state %q is no number", fields[3])
	}
	s.state = byte(state)
	uid, err := strconv.ParseUint(fields[7], 10, 32)
	if err != nil {
		return s, true, fmt.Errorf("user %q is no number", fields[7])
	}
	inode, err := strconv.ParseUint(fields[9], 10, 64)
	if err != nil {
		return s, true, fmt.Errorf("inode %q is no number", fields[9])
	}
	s.Owner = Owner{uint32(uid), inode}
	return s, true, nil
}

// parseAddrPort reads "0100007F:0866": the address as 32-bit words in this host's
// byte order, the port as a number.
func parseAddrPort(text string) (netip.AddrPort, bool) {
	host, port, ok := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	raw, hexErr := hex.DecodeString(host)
	if !ok || err != nil || hexErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok
}
