// Package crash keeps a record of each process that ended by itself: how it ended,
// how long it ran, its last output, its plan, and, if there is a core file and a
// debugger, the backtrace.
//
// The package owns a directory. It contains a directory for each node, with a JSON
// file for each crash (recordform.go). Only the owner can read the files, because
// plans and output may contain secrets. A file is always complete. The package skips
// and reports a file that it cannot read. The number of records per node, the number
// of nodes and the size of all files are bounded. At a bound the oldest records are
// removed, but the newest record of each node last.
//
// Only one process adds and examines records. Other processes may read them at the
// same time.
//
// # Goroutines
//
// The package starts none. Run examines one crash at a time, in the goroutine of its
// caller. Add does not wait for it. Each record says whether it must still be
// examined, so a later Run continues the work of an earlier one.
package crash
