// Package audit owns the audit log of a daemon: who asked for which change, who was
// refused, and what became of it.
//
// A Log is a directory with files of JSON lines, which are called segments. Append has
// written and synced a record when it returns. So records outlive kill -9 and power
// cuts. A last line that was not written whole is cut off. A damaged line is reported
// and skipped; it hides no other line. Whole segments are removed when there are too
// many records, or when they are too old. Refusals have segments of their own, with a
// limit of their own: a stranger who is refused often does not push out the changes.
//
// Refusals turns repeated refusals into few records. A Recorder joins a Log and a
// Refusals for the parts of a daemon. The package starts no goroutines.
package audit
