package store

import (
	"context"
	"errors"
)

// These are the errors that a Store wraps in its own, together with the name of the
// place where it keeps the entries.
var (
	// ErrConflict says that the revision that a Save replaces is not the current one.
	// Nothing was saved.
	ErrConflict = errors.New("another process has changed the stored state")

	// ErrTooLarge says that a Save exceeds a limit of its Store. Nothing was saved.
	ErrTooLarge = errors.New("too large to be stored")
)

// MaxKey bounds a key, in bytes.
const MaxKey = 256

// Revision counts the saves of a Store. The first Save makes revision 1. Revision 0
// means that nothing was ever saved. Revisions never repeat and never decrease.
type Revision uint64

// Entry is a value and its key.
type Entry struct {
	Key   string
	Value []byte
}

// Change replaces the value of a key.
type Change struct {
	Key   string // 1 to MaxKey bytes
	Value []byte // nil deletes the key, if it exists; an empty value that is not nil is stored
}

// Store keeps entries. Its methods may be called from any goroutine. All entries
// together have one revision: a Load returns the entries of one revision, and a Save
// makes the next one.
type Store interface {
	// Load returns the entries whose keys begin with prefix, in the order of their
	// keys, and the revision of the store, which is 0 if nothing was ever saved.
	// The caller owns the values.
	Load(ctx context.Context, prefix string) (entries []Entry, rev Revision, err error)

	// Save makes the changes, in their order, if replaces is the current revision. It
	// returns the new revision. It makes all changes or none. When Save returns without
	// an error, the changes are durable. The caller may reuse the values.
	//
	// After ErrConflict or ErrTooLarge nothing was saved. After any other error, such
	// as a full disk or a lost connection, either all changes were saved or none; Load
	// shows which.
	Save(ctx context.Context, changes []Change, replaces Revision) (Revision, error)
}
