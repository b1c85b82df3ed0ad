// Package live shows on a terminal what goes on in a cluster: the progress of an operation,
// and the state of all nodes.
// A model is a value: its Update and its View compute, and do nothing else. Where there is
// no terminal, a Follower prints a line for each step.
//
// An operation goes on without anybody who looks. So to leave a view changes nothing.
//
// A Follower runs one goroutine that asks the controller, and a Watcher two. Their methods
// return when these goroutines have ended. The library that draws has goroutines of its own, which end with the drawing.
package live
