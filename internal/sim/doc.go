// Package sim runs a whole cluster in one goroutine, from a seed. The cores of the
// controller, the agents and the nodes are real. Everything around them is
// simulated.
//
// The network delays messages and breaks. Messages overtake each other on different
// connections, never on one. The two ends of a connection notice a partition at
// different times. Processes start slowly, never say hello, ignore SIGTERM, end at
// once or later, cannot be seen, or may not be signalled. Disks lose everything that
// was not saved, and saves fail. A second controller saves in the controller's
// store. Every part crashes at any step and starts again from its disk. An agent's
// disk may be empty then, and the wall clock may have jumped. Clients send every
// request, and much nonsense.
//
// One seed of three has three controllers, as has a run that asks for them. Their state is in
// one store, and package core/leading decides which of them leads. Each is a member all the
// time and runs the core of the controller while it leads. Messages to the store and between
// controllers take time and are lost, and answers of the store are lost after a save has taken
// place. A controller is killed, paused for seconds while everything waits for it, and cut off
// from the store, from the others, or from everything. Agents have connections to all three.
// Clients reach the one that leads through any of them. Once in a while all are stopped, and the
// store forgets the latest terms, as after a restored backup.
//
// A run is a series of episodes. Each episode is a time of mischief and then a time
// of peace. After each step the package checks the promises of the cores. Each of
// these holds what was asked and said, and checks what follows from it:
//
//   - controllerBook: every request has one answer, and it is right; nothing is sent
//     before it is saved; what a plan or a refusal must leave alone is left alone
//   - reports: the controller's snapshot shows of each node what its agent said last
//   - operationBook: an operation is what its user asked for, is saved before it
//     begins, ends once, and then stays as it is; nodes are stopped and paused as
//     users have said. Its other files check revisions, their history and what is
//     taken back (revision_book.go), and restarts: batch by batch, no node twice,
//     nothing after a failure, never all workers of an interface (rolling.go)
//   - agentBook: an agent starts and stops only what is saved, with a reason, and
//     keeps stopped nodes stopped and paused ones down (agent_steering.go)
//   - warrants: users have roles, and nothing changes without a request of a user who
//     may make it
//   - shared: no save of a controller that leads no longer counts, and each term goes on from
//     what the ones before have saved. With agentDisk.ordered: an agent does nothing for a
//     controller of an earlier term, and a term has one controller
//   - referee: in peace every deployed node runs and nothing else, no operation runs,
//     and clients and the snapshot hear so. Of several controllers one leads, and goes on
//
// The same seed is the same run, step by step. A step is one call of a core's Step with an event.
// The steps of the cores that decide which of several controllers leads are counted apart: most of
// them are questions to the one that leads, and answers. Calls of Step that are part of a check
// are not counted.
//
// The parts meet as the shells of package daemon let them meet: with the same
// topics, the same filters, and the same order of outcomes. The package starts no
// goroutine and reads no clock. Independent runs may go side by side.
package sim
