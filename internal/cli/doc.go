// Package cli owns the client side of the commands. It reads zeek-client's
// settings. It asks the controller through package client. It prints the answer in
// zeek-client's form (spec zeek-client sections 3, 7, 8 and 9).
//
// Pure functions turn the results of a request into an Outcome: the text that
// the command prints, and its exit status. Commands does the input and output
// around these functions. The package starts no goroutines.
package cli
