// Package ini owns the language of Python's configparser, in which zeek-client's files are
// written (spec zeek-client 7.1): sections, keys that may stand without a value, values that
// go on in further lines, references from value to value, and words as in a shell. Cluster
// files and settings files are in it.
//
// Every error about a file names the file and, where it has one, the line. A value is
// bounded, also one that is made of references. The package does no I/O and starts no
// goroutines.
package ini
