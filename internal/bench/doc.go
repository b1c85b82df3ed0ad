// Command bench measures what the program costs and how long it takes, and
// prints each figure beside its budget. It builds the binary, runs real
// processes on loopback addresses, and leaves nothing behind. Times depend on
// the machine: the first line is that machine's own loopback echo, to compare
// others with.
//
// A missed budget is printed as such and is no failure: figures are for people
// to read, not for a test to enforce.
package main
