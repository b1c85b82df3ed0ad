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

// TestOwnerIsTheUserWhoMadeTheSocket asks for each end of connections of several
// kinds, sock_diag and the tables of /proc/net alike.
func TestOwnerIsTheUserWhoMadeTheSocket(t *testing.T) {
	for name, tt := range map[string]struct{ network, listen, dial string }{
		"IPv4":                    {"tcp4", "127.0.0.1:0", "127.0.0.1"},
		"another address of lo":   {"tcp4", "127.0.0.2:0", "127.0.0.2"},
		"IPv4, a listener of all": {"tcp", "[::]:0", "127.0.0.1"},
		"IPv6":                    {"tcp6", "[::1]:0", "::1"},
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

func TestAnotherUsersSocketIsThatUsers(t *testing.T) {
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

// A table as the kernel wrote it has a socket of user 65534 and its other end.
func TestARecordedTableNamesTheUser(t *testing.T) {
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

// TestAClosedSocketIsNobodys has a client that connects and closes: the kernel
// still knows the socket, and says user 0 of it.
func TestAClosedSocketIsNobodys(t *testing.T) {
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

// TestASocketThatStillConnectsIsNobodys has a queue of connections overflow, so
// that the last socket is known to the kernel with its owner and is no connection:
// it could have the addresses of an earlier one that was reset.
func TestASocketThatStillConnectsIsNobodys(t *testing.T) {
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
	t.Fatal("the queue takes every connection")
}

func TestHereAreTheAddressesOfThisHost(t *testing.T) {
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

func TestASocketOfAnotherHostIsElsewhere(t *testing.T) {
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

// TestHoldersNamesTheProcess has a child hold a socket after this process has
// closed it.
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
		t.Errorf("held by %v, want sh (pid %d)", holders, child.Process.Pid)
	}
	if held, err := Holds(os.Getpid(), owner.Inode); held || err != nil {
		t.Errorf("this process holds it: %t, %v", held, err)
	}
	if !Descends(child.Process.Pid, os.Getpid()) || Descends(os.Getpid(), child.Process.Pid) {
		t.Error("the child descends from this process, and not the other way round")
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
