package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The file has format 2. One bucket describes the file:
//
//	zeekfleet   format   -> "2"
//	            revision -> checksum (4 bytes), revision (8 bytes)
//
// Another one has the entries:
//
//	entries     key      -> checksum (4 bytes), value
//
// The bucket "documents" is empty. A program that knows only format 1 demands it before
// it looks at the format. Without the bucket it would say that the file is another
// program's. The first files of format 2 do not have it.
//
// A checksum is the CRC-32C of the key, a zero byte, and what follows the
// checksum. Numbers are big-endian.
//
// A format never changes. A change makes a new format with the next number, and Open
// converts earlier formats (format1.go).
const format = 2

var (
	aboutBucket   = []byte("zeekfleet")
	formatKey     = []byte("format")
	revisionKey   = []byte("revision")
	entriesBucket = []byte("entries")
)

const (
	checksumSize = 4
	revisionSize = 8
)

// maxRevision bounds the revisions that Open accepts. No store has that many saves.
const maxRevision = store.Revision(1) << 62

// castagnoli returns the table of the checksums. It is made at the first call: most commands need
// none.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli(), p)
	}
	return sum
}

// seal returns value with its checksum, as it is stored with the key.
func seal(key, value []byte) []byte {
	sealed := make([]byte, checksumSize, checksumSize+len(value))
	binary.BigEndian.PutUint32(sealed, checksum(key, []byte{0}, value))
	return append(sealed, value...)
}

var errChecksum = errors.New("checksum mismatch")

// unseal checks the checksum and returns the value, which is a part of sealed.
func unseal(key, sealed []byte) ([]byte, error) {
	if len(sealed) < checksumSize {
		return nil, fmt.Errorf("%d bytes are too short", len(sealed))
	}
	value := sealed[checksumSize:]
	if checksum(key, []byte{0}, value) != binary.BigEndian.Uint32(sealed) {
		return nil, errChecksum
	}
	return value, nil
}

// readEntry returns a copy of an entry of the bucket.
func readEntry(k, v []byte) (store.Entry, error) {
	value, err := unseal(k, v)
	if err != nil {
		return store.Entry{}, fmt.Errorf("%w: entry %.40q: %w", ErrDamaged, k, err)
	}
	return store.Entry{Key: string(k), Value: append([]byte{}, value...)}, nil
}

// readRevision returns the revision of the entries.
func readRevision(tx *bbolt.Tx) (store.Revision, error) {
	v, err := unseal(revisionKey, tx.Bucket(aboutBucket).Get(revisionKey))
	if err == nil && len(v) != revisionSize {
		err = fmt.Errorf("%d bytes", len(v))
	}
	var rev store.Revision
	if err == nil {
		rev = store.Revision(binary.BigEndian.Uint64(v))
	}
	if err == nil && rev > maxRevision {
		err = fmt.Errorf("%d is too great", rev)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: its revision: %w", ErrDamaged, err)
	}
	return rev, nil
}

func writeRevision(tx *bbolt.Tx, rev store.Revision) error {
	v := binary.BigEndian.AppendUint64(nil, uint64(rev))
	return tx.Bucket(aboutBucket).Put(revisionKey, seal(revisionKey, v))
}

// readEntries calls visit for the entries whose keys begin with prefix, in order.
func readEntries(tx *bbolt.Tx, prefix []byte, visit func(store.Entry)) error {
	c := tx.Bucket(entriesBucket).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		e, err := readEntry(k, v)
		if err != nil {
			return err
		}
		visit(e)
	}
	return nil
}
