package bus_test

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// control returns and sets the congestion control of a connection.
func control(t *testing.T, conn net.Conn, set string) string {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if failed := raw.Control(func(fd uintptr) {
		if set != "" {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, set)
		}
		if err == nil {
			name, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		}
	}); failed != nil {
		t.Fatal(failed)
	}
	if err != nil {
		t.Logf("%s: %v", set, err)
	}
	return strings.TrimRight(name, "\x00")
}

// BBR pauses. All others stay as they are. A kernel need not have BBR.
func TestConnectionsDoNotPause(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []string{"reno", "bbr"} {
		before := control(t, conn, name)
		bus.Steady(conn)
		after := control(t, conn, "")
		if strings.HasPrefix(after, "bbr") || before == "reno" && after != "reno" {
			t.Errorf("%s became %s", before, after)
		}
		t.Logf("%s: %s became %s", name, before, after)
	}
}
