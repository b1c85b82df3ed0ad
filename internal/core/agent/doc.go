// Package agent decides what the agent of one host does: which processes it
// starts and stops, in what order, what it answers to controllers, and what it
// asks its nodes (spec management-api sections 5 and 7.2).
//
// It is a pure machine. A shell gives each Event to the machine, together with
// the time, and performs the Effects that the machine returns, in their order.
// The outcomes of effects return as events. The machine reads no clock, does no
// I/O and starts no goroutine. One goroutine may use it.
//
// The machine keeps these promises:
//   - It answers every request exactly once, at the latest at its deadline.
//   - It starts, stops and acknowledges nothing because of a configuration that
//     was not saved.
//   - A node keeps its process if the fingerprint of its plan stays the same.
//   - At most one process of a node runs at a time. The next one starts when the
//     earlier one is buried: its logs and its crash record are safe.
//   - Of controllers with terms it obeys the one with the greatest term, which it has saved
//     before. It does nothing more for those with a smaller one.
//   - Config bounds what the machine remembers. No request can exceed these bounds.
//
// The machine has these parts. The rollout starts and stops processes. Peers are
// the other ends of the connections. Requests are answered here. Proposals are
// configurations on their way to being desired. A Step passes through them in
// one direction: an event changes the rollout, the rollout's outcomes go to the
// requests, and the requests answer controllers.
package agent
