// Package authority decides who belongs to a cluster and what users may do: joining
// tokens, users and their roles, API tokens, certificates, their revocation, and the
// replacement of the cluster's authority (design section 6).
//
// A Machine is pure. A shell feeds it everything that happens as an Event, together with
// the time, and performs the Effects that it gets back, in order. A Machine reads no
// clock, does no I/O, starts no goroutine and is not safe for concurrent use.
//
// # Keys and chance
//
// A certificate must be signed before its serial number can be saved, and it must be
// saved before anybody gets it. So signing is a function that a Machine calls, and no
// effect: as an effect, each request would need one more state between two events. A
// Machine gets the function, and everything that chance makes, from its Maker. Private
// keys are values of the State, because the shell must store them with it. No effect has
// a private key, except Save and Own. The shell uses Own for its listeners.
//
// # Promises
//
// Each Request is answered exactly once. What it changes is saved before the answer. If
// the save fails, nothing has changed, and the answer says so. A token or a certificate
// is given only to a user whose role is in the table of package access, or to somebody who
// shows a valid token or a valid certificate. Secrets are stored as hashes.
//
// An old certificate stays valid until its end when its owner gets a new one. Otherwise an
// agent whose answer is lost would be locked out.
//
// While an authority is replaced, both are trusted, the new one signs, and the
// controller's own certificate stays signed by the old one: an agent that was away
// trusts only that. The old one is dropped when each agent has a new certificate, which
// it has used, or had for Config.Settle. The owner of a revoked or expired certificate is
// not awaited. Users are awaited for Config.Settle. A user who has not renewed by then
// logs in again.
//
// Several controllers may share one authority. The one that leads decides, and has a certificate
// and a key for each of them in the State: each of the others reads its own there (Look). They
// are renewed like its own one, and move to a new authority with it. A controller that is no
// longer in the list of members loses its certificates. A token lets a controller into the
// cluster. Its certificate waits for it, for Config.AwaitMember, until it is in the list.
//
// The authority of nodes is never replaced. Zeek reads its certificates once, when it
// starts, so nodes with certificates of two authorities could not meet.
//
// Config bounds what a Machine remembers.
package authority
