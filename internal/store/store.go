package store

import (
	"context"
	"errors"
	"time"
)

// Conditions that a Store reports. Its errors wrap them with the name of the
// place where the document is kept.
var (
	// ErrConflict says that the revision a Save meant to replace is no longer
	// the current one. Nothing was saved.
	ErrConflict = errors.New("the stored document has changed meanwhile")

	// ErrTooLarge says that a document exceeds the limit of its Store. Nothing
	// was saved.
	ErrTooLarge = errors.New("the document is too large")

	// ErrNotKept says that a revision is not, or no longer, in the history.
	ErrNotKept = errors.New("the revision is not kept")
)

// Revision counts the documents that were saved. The first one has revision 1;
// 0 stands for nothing having been saved. Revisions never repeat and never
// decrease.
type Revision uint64

// Store keeps one document. Its methods may be called from any goroutine.
type Store interface {
	// Load returns the current document and its revision, or nil and 0 if
	// nothing was ever saved. The caller owns doc.
	Load(ctx context.Context) (doc []byte, rev Revision, err error)

	// Save replaces the revision named by replaces with doc and returns the
	// new revision. When it returns, doc is durable. An empty doc is a
	// document like any other. Save does not keep doc.
	//
	// ErrConflict and ErrTooLarge say that nothing was saved. After any other
	// error (a full disk, a lost connection) the stored document is the old
	// one or the new one, whole in either case, and Load tells which.
	Save(ctx context.Context, doc []byte, replaces Revision) (Revision, error)
}

// Version describes one kept document.
type Version struct {
	Revision Revision
	Saved    time.Time // UTC, as the saving host's clock had it
	Size     int       // bytes
}

// Historian is a Store that also keeps predecessors of its document.
type Historian interface {
	Store

	// History lists what is kept, newest first; its first element is the
	// current document. It is empty if nothing was ever saved.
	History(ctx context.Context) ([]Version, error)

	// LoadAt returns the document that had revision rev, or ErrNotKept.
	LoadAt(ctx context.Context, rev Revision) ([]byte, error)
}
