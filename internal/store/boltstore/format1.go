package boltstore

import (
	"encoding/binary"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// A file of format 1 has one current document, and the documents before it:
//
//	zeekfleet   format   -> "1"
//	documents   revision -> time (8 bytes), checksum (4 bytes), document
//
// The revision has 8 bytes, so the last key is that of the current document. The
// checksum is the CRC-32C of revision, time and document. The conversion drops the
// earlier documents, which no program ever read.
var documentsBucket = []byte("documents")

const (
	timeSize      = 8
	documentStart = timeSize + checksumSize
)

// documentKey is the key that the document gets in format 2.
const documentKey = "state"

// convert replaces the file, which has format 1 and is open as old, by a file of
// format 2 with the same owner. The old file stays until the new one is complete.
func (s *Store) convert(old *bbolt.DB) error {
	var entries []store.Change
	var rev store.Revision
	err := old.View(func(tx *bbolt.Tx) (err error) {
		entries, rev, err = readFormat1(tx)
		return err
	})
	if err == nil && s.cfg.Check != nil {
		err = s.cfg.Check(entriesOf(entries))
	}
	if err != nil {
		return err
	}
	path, err := filepath.EvalSymlinks(s.path)
	if err == nil {
		err = create(path, entries, rev)
	}
	if err != nil {
		return fmt.Errorf("convert it from format 1: %w", err)
	}
	return nil
}

// entriesOf returns the entries that the changes of an empty store make.
func entriesOf(changes []store.Change) []store.Entry {
	var entries []store.Entry
	for _, c := range changes {
		entries = append(entries, store.Entry(c))
	}
	return entries
}

// readFormat1 returns the changes that make the entries of the converted file, and its
// revision.
func readFormat1(tx *bbolt.Tx) (changes []store.Change, rev store.Revision, err error) {
	documents := tx.Bucket(documentsBucket)
	if documents == nil {
		return nil, 0, fmt.Errorf("%w: it has no documents", ErrDamaged)
	}
	c := documents.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) != revisionSize || len(v) < documentStart {
			return nil, 0, fmt.Errorf("%w: entry %.20x is not a document", ErrDamaged, k)
		}
	}
	k, v := c.Last()
	if k == nil {
		return nil, 0, nil
	}
	rev = store.Revision(binary.BigEndian.Uint64(k))
	if rev == 0 || rev > maxRevision {
		return nil, 0, fmt.Errorf("%w: entry %.20x is not a document", ErrDamaged, k)
	}
	if checksum(k, v[:timeSize], v[documentStart:]) != binary.BigEndian.Uint32(v[timeSize:]) {
		return nil, 0, fmt.Errorf("%w: revision %d: %w", ErrDamaged, rev, errChecksum)
	}
	return []store.Change{{Key: documentKey, Value: append([]byte{}, v[documentStart:]...)}}, rev, nil
}
