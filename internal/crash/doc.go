// Package crash keeps a record of each process that ended by itself: how it ended,
// how long it ran, its last output, its plan, and, if there is a core file and a
// debugger, the backtrace.
//
// The package owns a directory. It has a directory for each node, with a JSON file
// for each crash (recordform.go). The files are readable for their owner alone,
// because plans and output may hold secrets. A file is written whole or not at all.
// A file that cannot be read is skipped and reported. The records are bounded per
// node, in nodes and in bytes. At a bound the oldest records go; the newest record
// of each node goes last.
//
// One process adds and examines records. Any number of others read them at the same
// time.
//
// # Goroutines
//
// The package starts none. Run examines one crash at a time, in the goroutine of its
// caller; Add does not wait for it. A record says whether it is still to be
// examined, so that a later Run goes on where an earlier one ended.
package crash
