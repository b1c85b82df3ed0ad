// Package archive moves the logs that Zeek has rotated from the queue directory
// into the archive: <logs>/YYYY-MM-DD/<path>.<HH:MM:SS>-<HH:MM:SS>.log.gz. It does
// the work of zeek-archiver, or runs an external command for it.
//
// The package owns the files in the queue with the name of a rotated log, and the
// files in the archive with a name that it gives. It leaves other files alone. It
// reports a file with another name in the queue once.
//
// # Promises
//
// No log is lost, overwritten or archived twice. This holds if the process or the
// machine dies at any point. The package writes a log to a temporary name in the target
// directory and syncs it. Then it gives the file its final name in one step that
// never replaces a file, and syncs the directory. Only then it removes the log from
// the queue. If a file with the final name and the same content exists, a process
// died before that last step, and only the last step is done. If a file with the
// final name and other content exists, it stays, and the log gets a numbered name
// (conn.10:00:00-11:00:00.2.log.gz).
//
// A log belongs to the day on which it was opened, even if it was closed on a later
// day. Dates and times come from the log's name; Zeek writes them in the local time
// of the host. A log that is already compressed keeps its extension.
//
// Zeek renames a closed log into the queue. So a file in the queue with the name of
// a rotated log is complete.
//
// # Goroutines
//
// Run and Sweep start goroutines and wait for their end before they return. Sweeps
// of one Archiver run one after the other. Only one Archiver at a time works on a
// queue, because it locks a file in the queue.
package archive
