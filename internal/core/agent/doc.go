// Package agent decides what one host's agent does: which processes it starts
// and stops, in what order, what it answers to controllers, and what it asks of
// its nodes (spec management-api sections 5 and 7.2).
//
// It is a pure machine. A shell feeds it everything that happens as an Event,
// together with the time, and performs the Effects it gets back, in order;
// their outcomes return as events. The machine reads no clock, does no I/O,
// starts no goroutine and is not safe for concurrent use.
//
// What it promises: every request is answered exactly once, at the latest at
// its deadline; nothing is started, stopped or acknowledged on behalf of a
// configuration that was not saved; a node whose launch plan did not change
// keeps its process; at most one process per node runs at a time; and what it
// remembers is bounded by its Config, not by what it has been asked.
package agent
