// Package store declares the interface Store, with which a daemon keeps its state. A
// Store has entries with keys, and one revision for all of them. It does not interpret
// the values. A daemon saves its state before it acknowledges a request or acts on it.
//
// A Save names the revision that it replaces. A Store refuses a Save that names an old
// revision. So two daemons with the same Store cannot overwrite each other's changes.
//
// Package boltstore keeps the entries in a local file. Package storetest is the test
// suite that every Store passes. This package starts no goroutines.
package store
