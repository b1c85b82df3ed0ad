package bus

import (
	"net"

	"golang.org/x/sys/unix"
)

// hungUp reports whether the other side has closed a connection that was not served yet. When
// thousands come at once, some give up while they wait. A TLS handshake with them is work for
// nobody, and keeps others waiting until they give up, too.
func hungUp(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	over := false
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		over = err == nil && info.State != established
	})
	return over
}

// established is the state of a connection that neither side has closed (TCP_ESTABLISHED of Linux).
const established = 1
