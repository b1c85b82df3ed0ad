package daemon_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// answerAndHangUp answers one request, and has closed the connection before the answer is there.
func answerAndHangUp(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	c.Read(make([]byte, 4096)) // the request, whatever it is
	if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
		const cork = 3 // TCP_CORK
		raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, cork, 1) })
	}
	c.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\na 1\n"))
	c.Close()
}

// A stranger cannot hide behind a connection that it has closed. A node may close it.
func TestMetricsOfAStrangerWhoHangsUpAreNotPassedOn(t *testing.T) {
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait() // the kill is no error
	}()
	for pid, want := range map[int]string{os.Getpid(): "a 1\n", other.Process.Pid: ""} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go answerAndHangUp(l)
		text := ""
		err = daemon.PassMetrics(patience.Context(t), netip.MustParseAddrPort(l.Addr().String()), pid, func(_ context.Context, p []byte) error {
			text += string(p)
			return nil
		})
		if (err == nil) != (want != "") || text != want {
			t.Errorf("got %q, %v", text, err)
		}
	}
}
