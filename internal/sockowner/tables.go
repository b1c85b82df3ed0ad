package sockowner

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// fromTables looks for a TCP socket in the tables of /proc/net, which takes a
// time that grows with the number of sockets.
func fromTables(at, peer netip.AddrPort) (Owner, error) {
	var missing error
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			missing = err
			continue // without IPv6 there is no such table
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

// find looks for a socket in a table.
func find(table io.Reader, at, peer netip.AddrPort) (Owner, bool, error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			continue
		}
		here, hereOK := parseAddrPort(fields[1])
		there, thereOK := parseAddrPort(fields[2])
		if !hereOK || !thereOK || here != at || there != peer {
			continue
		}
		state, err := strconv.ParseUint(fields[3], 16, 8)
		if err != nil {
			return Owner{}, false, fmt.Errorf("state %q is no number", fields[3])
		}
		if !connected(byte(state)) {
			return Owner{}, true, nil // nobody's
		}
		uid, err := strconv.ParseUint(fields[7], 10, 32)
		if err != nil {
			return Owner{}, false, fmt.Errorf("user %q is no number", fields[7])
		}
		inode, err := strconv.ParseUint(fields[9], 10, 64)
		if err != nil {
			return Owner{}, false, fmt.Errorf("inode %q is no number", fields[9])
		}
		return Owner{uint32(uid), inode}, true, nil
	}
	return Owner{}, false, lines.Err()
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
