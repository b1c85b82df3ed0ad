package sockowner

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// TestOwnerIsTheUserWhoMadeTheSocket asks sock_diag and the tables of /proc/net for
// the owner of several kinds of connections.
func TestOwnerIsTheUserWhoMadeTheSocket(t *testing.T) {
	for name, tt := range map[string]struct{ network, listen, dial string }{
		"IPv4":                       {"tcp4", "127.0.0.1:0", "127.0.0.1"},
		"another address of lo":      {"tcp4", "127.0.0.2:0", "127.0.0.2"},
		"IPv4 to a listener on [::]": {"tcp", "[::]:0", "127.0.0.1"},
		"IPv6":                       {"tcp6", "[::1]:0", "::1"},
	} {
		t.Run(name, func(t *testing.T) {
			ln := listen(t, tt.network, tt.listen)
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			conn, err := net.Dial("tcp", net.JoinHostPort(tt.dial, port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			accepted, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer accepted.Close()
			at, peer := addrOf(accepted.RemoteAddr()), addrOf(accepted.LocalAddr())
			owner, err := Of(at, peer)
			if err != nil {
				t.Fatal(err)
			}
			if owner.UID != uint32(os.Getuid()) {
				t.Errorf("user %d, want %d", owner.UID, os.Getuid())
			}
			if held, err := Holds(os.Getpid(), owner.Inode); !held || err != nil {
				t.Errorf("this process holds the socket: %t, %v", held, err)
			}
			if table, err := fromTables(unmap(at), unmap(peer)); table != owner || err != nil {
				t.Errorf("the tables say %v, %v; sock_diag says %v", table, err, owner)
			}
		})
	}
}

func TestOwnerOfAnotherUsersSocket(t *testing.T) {
	roottest.Need(t, "connects as another user")
	ln := listen(t, "tcp4", "127.0.0.1:0")
	conn, err := sockownertest.DialAs(t.Context(), sockownertest.Nobody, ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	owner, err := Of(addrOf(accepted.RemoteAddr()), addrOf(accepted.LocalAddr()))
	if err != nil || owner.UID != sockownertest.Nobody {
		t.Errorf("got %v, %v; want user %d", owner, err, sockownertest.Nobody)
	}
}

// testdata/tcp is a table that a kernel wrote. It has both ends of a connection of
// user 65534.
func TestFindInARecordedTable(t *testing.T) {
	f, err := os.Open("testdata/tcp")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, peer := netip.MustParseAddrPort("127.0.0.1:40312"), netip.MustParseAddrPort("127.0.0.1:2149")
	owner, ok, err := find(f, at, peer)
	if want := (Owner{65534, 30451}); owner != want || !ok || err != nil {
		t.Errorf("got %v, %t, %v; want %v", owner, ok, err, want)
	}
}

// A client connects and closes. The kernel still knows its socket, and reports user
// 0 for it.
func TestClosedSocketHasNoOwner(t *testing.T) {
	ln := listen(t, "tcp4", "127.0.0.1:0")
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	at, peer := addrOf(accepted.RemoteAddr()), addrOf(accepted.LocalAddr())
	conn.Close()
	if owner, err := Of(at, peer); !errors.Is(err, ErrOrphan) {
		t.Errorf("got %v, %v; want that the socket is closed", owner, err)
	}
	if owner, err := fromTables(at, peer); !errors.Is(err, ErrOrphan) {
		t.Errorf("the tables: got %v, %v; want that the socket is closed", owner, err)
	}
	accepted.Close()
}

// The test fills the queue of a listener, so that the last socket stays in the state
// of connecting. The kernel knows the owner of that socket, but the socket has no
// connection: it could have the addresses of an earlier connection that was reset.
func TestConnectingSocketHasNoOwner(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*unix.SockaddrInet4).Port))
	for range 16 {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(c)
		if err := unix.Connect(c, name); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			t.Fatal(err)
		}
		info, err := unix.GetsockoptTCPInfo(c, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		if info.State != unix.BPF_TCP_SYN_SENT {
			continue
		}
		mine, err := unix.Getsockname(c)
		if err != nil {
			t.Fatal(err)
		}
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(mine.(*unix.SockaddrInet4).Port))
		if owner, err := Of(at, peer); !errors.Is(err, ErrOrphan) {
			t.Errorf("got %v, %v; want that it is no connection", owner, err)
		}
		if owner, err := fromTables(at, peer); !errors.Is(err, ErrOrphan) {
			t.Errorf("the tables: got %v, %v; want that it is no connection", owner, err)
		}
		return
	}
	t.Fatal("the listener's queue is never full")
}

func TestHere(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"} {
		if !Here(netip.MustParseAddr(addr)) {
			t.Errorf("%s is not here", addr)
		}
	}
	if other := netip.MustParseAddr("192.0.2.7"); Here(other) {
		t.Errorf("%s is here", other)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		addr := netip.MustParsePrefix(a.String()).Addr()
		if !Here(addr) || addr.Is4() && !Here(netip.AddrFrom16(addr.As16())) {
			t.Errorf("%s is not here", addr)
		}
	}
}

func TestSocketOfAnotherHostIsElsewhere(t *testing.T) {
	ln := listen(t, "tcp4", "127.0.0.1:0")
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other := netip.MustParseAddrPort("192.0.2.7:40000")
	if owner, err := Of(other, addrOf(ln.Addr())); !errors.Is(err, ErrElsewhere) {
		t.Errorf("got %v, %v; want that it is elsewhere", owner, err)
	}
	if owner, err := Of(netip.AddrPort{}, netip.AddrPort{}); !errors.Is(err, ErrElsewhere) {
		t.Errorf("no address: got %v, %v; want that it is elsewhere", owner, err)
	}
}

// A child process holds a socket after this process has closed it.
func TestHoldersNamesTheProcess(t *testing.T) {
	ln := listen(t, "tcp4", "127.0.0.1:0")
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sh", "-c", "echo; read line")
	child.ExtraFiles = []*os.File{file}
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer stdin.Close()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	file.Close()
	conn.Close()
	owner, err := Of(addrOf(accepted.RemoteAddr()), addrOf(accepted.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	holders := Holders(owner.Inode)
	if len(holders) != 1 || holders[0].PID != child.Process.Pid || holders[0].Name != "sh" {
		t.Errorf("the holders are %v, want sh (pid %d)", holders, child.Process.Pid)
	}
	if held, err := Holds(os.Getpid(), owner.Inode); held || err != nil {
		t.Errorf("this process holds it: %t, %v", held, err)
	}
	if !Descends(child.Process.Pid, os.Getpid()) || Descends(os.Getpid(), child.Process.Pid) {
		t.Error("Descends does not say that the child descends from this process, or says the reverse")
	}
}

func BenchmarkOf(b *testing.B) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	at, peer := addrOf(conn.LocalAddr()), addrOf(conn.RemoteAddr())
	for b.Loop() {
		if _, err := Of(at, peer); err != nil {
			b.Fatal(err)
		}
	}
}
