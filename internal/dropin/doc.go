// Package dropin is the command line of Zeek's zeek-client, for a program that
// stands in its place: the same commands, options, usage errors and exit statuses, and
// nothing else (spec zeek-client 1, 2 and 4). Package cli does what the commands do.
// docs/zeek-client-differences.md lists the differences.
//
// It starts no goroutines.
package dropin
