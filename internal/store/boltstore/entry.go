package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The file has two buckets. The first says what the file is:
//
//	zeekfleet   format -> 1
//
// The second has one key per document, its revision as 8 bytes, big-endian, so
// that the last key is the current document. The value is the time of the save
// (8 bytes, nanoseconds since 1970, big-endian), a CRC-32C of key, time and
// document (4 bytes, big-endian), and the document.
var (
	formatBucket    = []byte("zeekfleet")
	formatKey       = []byte("format")
	formatValue     = []byte("1")
	documentsBucket = []byte("documents")
)

const (
	keySize    = 8
	headerSize = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type entry struct {
	revision store.Revision
	saved    time.Time
	doc      []byte
}

func (e entry) key() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(e.revision))
}

func (e entry) value() []byte {
	v := make([]byte, headerSize, headerSize+len(e.doc))
	binary.BigEndian.PutUint64(v, uint64(e.saved.UnixNano()))
	binary.BigEndian.PutUint32(v[8:], checksum(e.key(), v[:8], e.doc))
	return append(v, e.doc...)
}

// decodeKey takes any key; Open has checked that all of them have keySize.
func decodeKey(k []byte) store.Revision {
	return store.Revision(binary.BigEndian.Uint64(k))
}

// decodeEntry copies what it returns: k and v live in the memory map.
func decodeEntry(k, v []byte) (entry, error) {
	if len(k) != keySize || len(v) < headerSize {
		return entry{}, fmt.Errorf("%w: an entry of %d and %d bytes is not a document", ErrDamaged, len(k), len(v))
	}
	rev := decodeKey(k)
	doc := v[headerSize:]
	if checksum(k, v[:8], doc) != binary.BigEndian.Uint32(v[8:]) {
		return entry{}, fmt.Errorf("%w: revision %d does not match its checksum", ErrDamaged, rev)
	}
	saved := time.Unix(0, int64(binary.BigEndian.Uint64(v))).UTC()
	return entry{revision: rev, saved: saved, doc: bytes.Clone(doc)}, nil
}

func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}
