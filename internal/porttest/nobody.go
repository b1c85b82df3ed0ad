package porttest

import (
	"net/netip"
	"syscall"
	"testing"
)

// Nobody returns an address of this host at which no program listens until the test ends: the
// kernel refuses connections there. The test holds the port. A port that somebody has just closed
// is free, and the kernel may give it to the next program that listens on port 0.
func Nobody(t testing.TB) (address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("porttest: %v", err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		t.Fatalf("porttest: bind a port: %v", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("porttest: %v", err)
	}
	return netip.AddrPortFrom(loopback, uint16(bound.(*syscall.SockaddrInet4).Port)).String()
}
