// Package launch turns the plan of a node into a process that can be started: its
// arguments, its environment, its directories and the files that it reads.
//
// A Launcher launches nodes of one kind: Embedded launches this program as a node,
// Zeek launches Zeek processes. The package also finds Zeek on this host, and runs
// the preflight of nodes. It starts no node itself: package proc does. It starts no
// goroutines.
package launch
