// Package journal owns directories of numbered JSON lines that outlive kill -9, power cuts
// and damage. The audit log and the log of happenings are journals.
//
// A journal has files that are called segments. Append has written and synced a line when it
// returns. A last line that was not written whole is cut off. A damaged line is reported and
// skipped; it hides no other line. Whole segments are removed when there are too many lines,
// too many bytes, or when they are too old. A journal may have an index, so that opening it
// reads the last segment alone. The index is not needed: without it, all segments are read.
//
// What a line says is the caller's. The package starts no goroutines.
package journal
