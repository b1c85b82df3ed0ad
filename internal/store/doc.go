// Package store declares where a daemon keeps its state: entries with keys, and
// one revision for all of them. The values are opaque. A daemon saves its state
// before it acknowledges a request or acts on it.
//
// A Store refuses a Save by a daemon that does not know what is stored, so that two
// daemons which both believe that they lead cannot undo each other's changes.
//
// Package boltstore keeps the entries in a local file; package storetest is the
// suite that every Store passes. This package starts no goroutines.
package store
