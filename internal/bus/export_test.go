package bus

import "net"

// Steady is steady.
func Steady(conn net.Conn) { steady(conn) }
