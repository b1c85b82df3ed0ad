package bus_test

import (
	"errors"
	"net"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

func TestMergedListenerAcceptsFromEach(t *testing.T) {
	var listeners []net.Listener
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, ln)
	}
	merged := bus.Merged(listeners...)
	if merged.Addr() != listeners[0].Addr() {
		t.Errorf("the address is %v", merged.Addr())
	}
	for _, ln := range []net.Listener{listeners[1], listeners[0], listeners[1]} {
		dialed, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer dialed.Close()
		conn, err := merged.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.LocalAddr().String(); got != ln.Addr().String() {
			t.Errorf("accepted at %s, want %s", got, ln.Addr())
		}
		conn.Close()
	}
	waiting := make(chan error)
	go func() {
		_, err := merged.Accept()
		waiting <- err
	}()
	if err := merged.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := merged.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := merged.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}
