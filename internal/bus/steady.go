package bus

import (
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// steady has the kernel send without pauses. Its congestion control BBR stops sending for a
// fifth of a second every ten seconds on a connection that is busy, to measure it. While a
// bundle is on its way, requests on the same connection would wait for that. Another control
// is used if the kernel has one that this process may use.
func steady(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // the connection is closed already, and its user will hear of that
	}
	_ = raw.Control(func(fd uintptr) {
		now, err := unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err != nil || !strings.HasPrefix(now, "bbr") {
			return
		}
		for _, other := range []string{"cubic", "reno"} {
			if unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, other) == nil {
				return
			}
		}
	})
}
