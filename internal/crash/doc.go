// Package crash keeps what is known of each process that ended by itself: how,
// after which time, what it printed last, its plan, and where there is a core
// file and a debugger, the backtrace.
//
// Owned by it: a directory with one directory per node and in it one JSON file per
// crash, readable for its owner only, since plans and output may hold secrets. A
// file is written whole or not at all; what cannot be read is skipped and
// reported. The records are bounded per node, in nodes and in bytes; at a bound
// the oldest go, and the newest of each node last.
//
// One process adds and examines records, any number of others read them at the
// same time.
//
// # Goroutines
//
// Run starts none: it examines one crash at a time, in the goroutine of its
// caller. Add does not wait for that. What is still to be examined is a property
// of the records, so that it survives the process.
package crash
