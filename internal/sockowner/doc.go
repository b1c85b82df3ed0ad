// Package sockowner tells which user of this host made a TCP socket, which processes
// have it open, and which sockets listen. It asks the kernel: sock_diag, or the
// tables of /proc/net if there is no sock_diag. It sees the sockets of the network
// namespace of this process. It starts no goroutine.
//
// If the kernel does not know the owner of a socket, the package returns an error
// and never guesses. The kernel reports user 0 for a socket that its process has
// closed; the package returns ErrOrphan for it.
package sockowner
