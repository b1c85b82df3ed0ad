// Package controller decides what a cluster's controller does: which
// configurations it keeps, what it asks of its agents, and what it answers to
// clients (spec management-api sections 6 and 7.3).
//
// It is a pure machine. A shell feeds it everything that happens as an Event,
// together with the time, and performs the Effects it gets back, in order;
// their outcomes return as events. The machine reads no clock, does no I/O,
// starts no goroutine and is not safe for concurrent use.
//
// What it promises: every request is answered exactly once, at the latest at
// its deadline, with a result for everything that is known and a named error
// for everything that is not; nothing is acknowledged, and no configuration
// sent to an agent, before it was saved; an agent is answered for by the one
// peer that introduced itself with its name, until that peer is lost; what is
// deployed reaches every instance of it sooner or later, but for those that
// refused it; what one instance refuses before it is sent reaches none;
// instances that are no longer part of it are told to stop; and what the machine
// remembers is bounded by its Config, not by what it has been asked.
package controller
