// Package sockowner says who on this host has a socket: the user who made it,
// and the processes that have it open; and which sockets listen. It asks the kernel (sock_diag, or the
// tables of /proc/net where that is missing) about the network namespace of this
// process. It starts nothing.
//
// Where the kernel does not say who has a socket, the answer is an error, and
// never a guess: for a socket that its process has closed, the kernel says user
// 0.
package sockowner
