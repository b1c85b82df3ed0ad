// Package archive moves the logs that Zeek has rotated from the queue directory
// into the archive: <logs>/YYYY-MM-DD/<path>.<HH:MM:SS>-<HH:MM:SS>.log.gz. It does
// the work of zeek-archiver, or has an external command do it.
//
// Owned by it: the queue (every file with the name of a rotated log), and in the
// archive the files whose names it gives. What has another name is left alone in
// both; in the queue it is reported once.
//
// # Promises
//
// No log is lost, overwritten or archived twice, wherever the process or the
// machine dies. A log is written to a temporary name in its target directory
// and synced, gets its name in one step that never replaces a file, the
// directory is synced, and only then the log leaves the queue. A file that
// already has the name and the same content is what a death before that last
// step has left; one with other content stays, and the log gets a numbered name
// (conn.10:00:00-11:00:00.2.log.gz).
//
// A log belongs to the day on which it was opened, also if it was closed on
// another; dates and times are those of its name, which Zeek wrote in the local
// time of the host. A log that is already compressed keeps its extension.
//
// Zeek gives a log its name in the queue by renaming the closed file, so a file
// whose name is that of a rotated log is complete.
//
// # Goroutines
//
// Run and Sweep start what they need and end it before they return. One of them
// works at a time; one archiver holds a queue, by a lock on a file in it.
package archive
