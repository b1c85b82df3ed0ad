// Package nic owns what the kernel tells of network interfaces on which programs capture:
// their offloads and rings, and the packet sockets of this host with their fan-out groups.
//
// It reads and changes nothing. It starts no goroutines. It uses the ioctl of ethtool and
// the sock_diag of packet sockets directly: both are a few structs of the kernel that never
// change (linux/ethtool.h, linux/packet_diag.h).
package nic
