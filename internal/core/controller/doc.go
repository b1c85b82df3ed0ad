// Package controller decides what a cluster's controller does: which
// configurations it keeps, what it asks of its agents, and what it answers to
// clients (spec management-api sections 6 and 7.3).
//
// A Machine is pure. A shell feeds it everything that happens as an Event,
// together with the time, and performs the Effects that it gets back, in order.
// The outcomes of effects return as events. A Machine reads no clock, does no I/O,
// starts no goroutine and is not safe for concurrent use.
//
// # Promises
//
// Every request is answered exactly once, at its deadline at the latest. The
// answer has a result for everything that is known, and a named error for
// everything that is not. Nothing is acknowledged, and no configuration is sent to
// an agent, before it was saved. An instance is answered for by the one peer that
// introduced itself with its name first, until that peer is lost. The deployed
// configuration reaches every instance of it sooner or later, except instances
// that refused it. A configuration that one instance refuses before it is sent
// reaches no instance. Instances that are no longer part of it are told to stop.
// A Machine that was told that another controller has changed the stored state
// refuses every request, and does nothing else. Config bounds what a Machine
// remembers.
//
// # Parts
//
// Each part of a Machine has a file. The lower ones know nothing of each other:
// the memory (the state and its way to disk), the roster (peers and agents), the
// dials, the legs (what agents are asked), the requests (what clients ask), and
// what was observed. The decisions stand on these (parts.go): staging,
// deployments, greetings, watching, and the questions about nodes. decisions.go
// has the table that says who decides about which request. A deployment goes
// through gathering.go, preparing.go, sending.go and finishing.go in this order.
// stored.go has the values that are stored, and stored0.go has their earlier form.
package controller
