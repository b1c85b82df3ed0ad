package etcdstore_test

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// reaches reports whether a new connection stays open. One beyond a limit is closed at once.
func reaches(t *testing.T, address string) (net.Conn, bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return conn, err == nil
}

// Everybody in the network can open connections to the port for other members.
func TestPortForMembersIsBounded(t *testing.T) {
	for _, c := range []struct{ all, host, open int }{{9, 3, 3}, {2, 3, 2}} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		bounded := etcdstore.NewBoundedListener(ln, c.all, c.host)
		served := make(chan net.Conn, 16)
		go func() {
			for {
				conn, err := bounded.Accept()
				if err != nil {
					close(served)
					return
				}
				io.WriteString(conn, "x")
				served <- conn
			}
		}()
		for range c.open {
			if _, ok := reaches(t, ln.Addr().String()); !ok {
				t.Fatal("a connection within the limits was closed")
			}
		}
		if _, ok := reaches(t, ln.Addr().String()); ok {
			t.Errorf("%+v: a connection beyond the limits stays open", c)
		}
		first := <-served
		first.Close()
		first.Close() // counts once
		if _, ok := reaches(t, ln.Addr().String()); !ok {
			t.Error("the place of a connection that was closed is not free")
		}
		if _, ok := reaches(t, ln.Addr().String()); ok {
			t.Errorf("%+v: a connection counts twice", c)
		}
		bounded.Close()
		for conn := range served {
			conn.Close()
		}
	}
}

// No file is left for a connection, and later there is one.
func TestPortForMembersOutlivesALackOfFiles(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := etcdstore.NewBoundedListener(&short{Listener: ln, times: 3}, 9, 9)
	defer bounded.Close()
	accepted := make(chan error, 1)
	go func() {
		conn, err := bounded.Accept()
		if err == nil {
			conn.Close()
		}
		accepted <- err
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := <-accepted; err != nil {
		t.Errorf("the port has ended: %v", err)
	}
}

// short has no files at first.
type short struct {
	net.Listener
	times int
}

func (s *short) Accept() (net.Conn, error) {
	if s.times > 0 {
		s.times--
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}
