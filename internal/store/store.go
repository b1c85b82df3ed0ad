package store

import (
	"context"
	"errors"
)

// Conditions that a Store reports. Its errors wrap them, with the name of the
// place where the entries are kept.
var (
	// ErrConflict says that the revision that a Save meant to replace is not the
	// current one. Nothing was saved.
	ErrConflict = errors.New("somebody else has changed what is stored")

	// ErrTooLarge says that a Save exceeds a limit of its Store. Nothing was saved.
	ErrTooLarge = errors.New("too large to be stored")
)

// MaxKey bounds a key, in bytes.
const MaxKey = 256

// Revision counts the saves of a Store. The first one makes revision 1; 0 stands
// for nothing having been saved. Revisions never repeat and never decrease.
type Revision uint64

// Entry is a value and its key.
type Entry struct {
	Key   string
	Value []byte
}

// Change replaces the value of a key.
type Change struct {
	Key   string // 1 to MaxKey bytes
	Value []byte // nil deletes the key, be it there or not; an empty value is one
}

// Store keeps entries. Its methods may be called from any goroutine. The entries
// together have one revision, so that a Load shows one moment, and a Save replaces
// one.
type Store interface {
	// Load returns the entries whose keys begin with prefix, in the order of their
	// keys, and the revision of the store, which is 0 if nothing was ever saved.
	// The caller owns the values.
	Load(ctx context.Context, prefix string) (entries []Entry, rev Revision, err error)

	// Save makes the changes, in their order, if replaces is the current revision,
	// and returns the new one. All changes are made or none. When Save has returned
	// without an error, they are durable. Save does not keep the values.
	//
	// ErrConflict and ErrTooLarge say that nothing was saved. After any other error
	// (a full disk, a lost connection) what is stored is the old or the new, whole
	// in either case, and Load tells which.
	Save(ctx context.Context, changes []Change, replaces Revision) (Revision, error)
}
