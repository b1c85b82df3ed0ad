package porttest_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

func TestReservedPortsAreFreeAndReservedOnce(t *testing.T) {
	taken := map[uint16]bool{}
	for range 3 {
		p, err := porttest.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for i := 1; i < porttest.Size; i++ {
			port := p.Next()
			if port != p.At(i) || taken[port] {
				t.Fatalf("Next returns port %d, At(%d) returns %d; reserved before: %t", port, i, p.At(i), taken[port])
			}
			taken[port] = true
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.At(1)))
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}

func TestNobodyListensAndNobodyCan(t *testing.T) {
	address := porttest.Nobody(t)
	if conn, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connected: %v, %v", conn, err)
	}
	if ln, err := net.Listen("tcp", address); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listens: %v, %v", ln, err)
	}
	if other := porttest.Nobody(t); other == address {
		t.Errorf("got %s twice", address)
	}
}
