// Package happenings owns the log of what happens in a cluster: of an agent about its own
// nodes, and of the controller about everything.
//
// A Log is a journal with an identity, which another log names to say how far it has copied
// this one. A controller's log has copies of its agents' logs: each in order, and nothing
// twice, whatever ends when. What is missing from a copy is said in its place.
//
// A Recorder writes what the parts of a daemon hand to it. Nobody waits for it: while it
// writes, what comes next gathers, up to a bound. A kill -9 loses what has gathered and no
// more. A Recorder of a controller also takes what agents tell. A Teller is the other end: it
// tells controllers what a log has, a batch at a time, when they ask for the next one.
//
// The package starts no goroutines.
package happenings
