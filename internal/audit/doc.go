// Package audit owns the audit log of a daemon: who asked for which change, who was
// refused, and what became of it.
//
// A Log is a directory with two journals. Append has written and synced a record when it
// returns. Refusals have a journal of their own, with a limit of their own: a stranger who
// is refused often does not push out the changes.
//
// Refusals turns repeated refusals into few records. A Recorder joins a Log and a
// Refusals for the parts of a daemon. The package starts no goroutines.
package audit
