// Package ledger keeps what a core owes: the requests that it has taken and not
// answered yet. It also keeps the legs: the requests that a core has sent to other
// programs, by their IDs. Both cores use it.
//
// A request is opened, waits for results, and is closed when its core answers
// it. In between the core says what the request waits for (Await), adds each
// result as it comes (Settle), and asks which requests are late (Due). Every
// Request has an Asker, and two askers may use one ID.
//
// The type parameter W names what a request waits for: instances in the
// controller's core, nodes in the agent's. D is what a core keeps with each
// request for itself.
//
// The package sends nothing, reads no clock and starts no goroutine. What it
// holds is bounded by Limits. Everything that it lists has a fixed order.
package ledger
