// Package store declares where a daemon keeps its state: one opaque document
// with a revision. The controller and the agents encode their whole state into
// that document and save it before they acknowledge or act.
//
// A Store refuses a Save that would overwrite something its caller has not
// seen, so two daemons that believe they lead cannot undo each other.
//
// Package boltstore keeps the document in a local file; package storetest is
// the suite that every Store passes. This package starts no goroutines.
package store
