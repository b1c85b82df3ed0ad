package preflight

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Listener is a process that listens on a port.
type Listener struct {
	PID     int
	Session int    // the process that leads its session
	Name    string // of its program, "" where that cannot be seen
}

// String returns "zeek (pid 4711)".
func (l Listener) String() string {
	if l.Name == "" {
		return "pid " + strconv.Itoa(l.PID)
	}
	return fmt.Sprintf("%s (pid %d)", l.Name, l.PID)
}

// Listeners returns the processes that keep others from listening on the TCP
// port at addr; the zero Addr stands for all addresses. Other users' processes
// are seen by root alone.
func Listeners(addr netip.Addr, port uint16) []Listener {
	var found []Listener
	for _, s := range allListening() {
		if s.excludes(addr, port) {
			found = append(found, holders(s.inode)...)
		}
	}
	return found
}

type socket struct {
	at    netip.AddrPort
	uid   int // of the user who made it
	inode string
}

// excludes tells whether the socket keeps others from listening on the port at
// addr.
func (s socket) excludes(addr netip.Addr, port uint16) bool {
	return s.at.Port() == port && overlap(s.at.Addr(), addr)
}

func allListening() []socket {
	var found []socket
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue // without IPv6 there is no such table
		}
		found = append(found, listeningSockets(f)...)
		f.Close()
	}
	return found
}

// listeningSockets reads a table of /proc/net.
func listeningSockets(table io.Reader) []socket {
	const listening = "0A"
	var found []socket
	for lines := bufio.NewScanner(table); lines.Scan(); {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		at, ok := parseSocketAddr(fields[1])
		uid, err := strconv.Atoi(fields[7])
		if ok && err == nil {
			found = append(found, socket{at, uid, fields[9]})
		}
	}
	return found
}

// parseSocketAddr reads "0100007F:0866": the address as 32-bit words in this
// host's byte order, the port as a number.
func parseSocketAddr(text string) (netip.AddrPort, bool) {
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

// holders finds the processes that have the socket open.
func holders(inode string) []Listener {
	fds, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil {
		return nil
	}
	var found []Listener
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err != nil || target != "socket:["+inode+"]" {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
		if err == nil && (len(found) == 0 || found[len(found)-1].PID != pid) {
			found = append(found, describe(pid))
		}
	}
	return found
}

// hides reports whether one of the living processes does not show what it has
// open. To all users but root that is so with a program that has capabilities of
// its own, although it is the user's.
func hides(pids []int) bool {
	return slices.ContainsFunc(pids, func(pid int) bool {
		_, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		return err != nil && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	})
}

// couldBeOurs reports whether a port that is in use by nobody who is seen may be
// in use by a process of this user's that hides what it has open.
func couldBeOurs(p Port, listening []socket, uid int, hidden bool) bool {
	held := slices.DeleteFunc(slices.Clone(listening), func(s socket) bool { return !s.excludes(p.Addr, p.Number) })
	others := slices.ContainsFunc(held, func(s socket) bool { return s.uid != uid })
	return hidden && len(held) > 0 && !others
}

func describe(pid int) Listener {
	l := Listener{PID: pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return l
	}
	l.Name, l.Session = parseStat(string(text))
	return l
}

// parseStat reads the program's name and the session of /proc/<pid>/stat. The
// name is in parentheses and may itself contain anything.
func parseStat(text string) (name string, session int) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return "", 0
	}
	if fields := strings.Fields(text[end+1:]); len(fields) > 3 {
		session, _ = strconv.Atoi(fields[3]) // not a number: none
	}
	return text[open+1 : end], session
}
