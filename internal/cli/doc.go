// Package cli owns the client side of the commands: it reads cluster
// configurations and zeek-client's settings, asks the controller through
// package client, and says what came back as zeek-client does (spec zeek-client
// sections 3, 7, 8 and 9).
//
// What a command prints and how it exits is decided by functions from results
// to an Outcome, which do nothing else; Commands does the input and output
// around them. The package starts no goroutines.
package cli
