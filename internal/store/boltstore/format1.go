package boltstore

import (
	"encoding/binary"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Format 1 had one document, and its predecessors:
//
//	zeekfleet   format   -> "1"
//	documents   revision -> time (8 bytes), checksum (4 bytes), document
//
// The revision is 8 bytes long, so that the last key is that of the current
// document. The checksum is the CRC-32C of revision, time and document. Nobody
// read the predecessors; a file that is converted does not have them.
var documentsBucket = []byte("documents")

const (
	timeSize      = 8
	documentStart = timeSize + checksumSize
)

// documentKey is the key that the document gets.
const documentKey = "state"

// convert puts a file of format 2 in the place of one of format 1. It has the same
// owner. Until it is complete, the old one stays.
func (s *Store) convert(old *bbolt.DB) error {
	var entries []store.Change
	var rev store.Revision
	err := old.View(func(tx *bbolt.Tx) (err error) {
		entries, rev, err = readFormat1(tx)
		return err
	})
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

// readFormat1 returns what the file has when it is converted.
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
