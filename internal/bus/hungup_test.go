package bus_test

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// When thousands come at once, some give up while they wait. Work for them would keep others
// waiting, until they give up, too.
func TestNoHandshakeIsBegunWithAPeerThatHasGivenUp(t *testing.T) {
	ca := newAuthority(t)
	id := ca.identity()
	var handshakes atomic.Int32
	certificate := id.Certificate
	counting := *id
	counting.Certificate = func() (*tls.Certificate, error) {
		handshakes.Add(1)
		return certificate()
	}
	ln := listen(t)
	for range 5 { // nobody accepts yet
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(clientHello(t)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	server := newEndpoint(t, bus.Config{TLS: &counting})
	subscription := subscribe(t, server, "x")
	stop := background(t, func(ctx context.Context) error {
		return server.Serve(ctx, ln, bus.ListenConfig{Transport: bus.TransportTLS})
	})
	dial(t, newEndpoint(t, bus.Config{TLS: ca.identity()}), ln.Addr().String(), bus.DialConfig{Transport: bus.TransportTLS})
	next[bus.PeerAdded](t, subscription)
	stop() // all that was accepted has ended
	if n := handshakes.Load(); n != 1 {
		t.Errorf("%d handshakes were begun for one peer that was there", n)
	}
}

// clientHello returns what a TLS client sends first.
func clientHello(t *testing.T) []byte {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake() // it ends with the pipe
	}()
	buf := make([]byte, 4096)
	n, err := ours.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	ours.Close()
	<-done
	return buf[:n]
}
