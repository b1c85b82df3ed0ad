package etcdstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// What is stored begins with a byte that says its form, and a checksum of its key and the rest.
// etcd checks its log when it reads it, and not its database. A form that is not known
// was written by a newer program.
const (
	formValue    = 1 // the value itself
	formManifest = 2 // a manifest: the value is in chunks
	formRevision = 3 // a revision
	formBatch    = 4 // a revision, and the manifest of the batch that belongs to it
	formLead     = 5 // a term and a name
	formNumber   = 6 // a number, which etcd can compare
	formFeed     = 7 // lines of a feed
	formArchive  = 8 // a manifest, and what is known of an archive
)

// castagnoli returns the table of the checksums. It is made at the first call: most commands need
// none.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

const sealedHead = 1 + crc32.Size

// seal returns what is stored for a key, from the parts of its content.
func seal(form byte, key string, content ...[]byte) []byte {
	size := sealedHead
	for _, c := range content {
		size += len(c)
	}
	out := make([]byte, sealedHead, size)
	out[0] = form
	for _, c := range content {
		out = append(out, c...)
	}
	binary.BigEndian.PutUint32(out[1:], checksum(form, key, out[sealedHead:]))
	return out
}

func checksum(form byte, key string, content []byte) uint32 {
	sum := crc32.Update(0, castagnoli(), []byte{form})
	sum = crc32.Update(sum, castagnoli(), []byte(key))
	return crc32.Update(sum, castagnoli(), content)
}

// open returns the form and the content of what is stored for a key. The content aliases sealed.
func open(key string, sealed []byte) (form byte, content []byte, err error) {
	if len(sealed) < sealedHead {
		return 0, nil, fmt.Errorf("the entry %.60q of etcd is damaged: it has %d bytes; restore a backup", key, len(sealed))
	}
	form, content = sealed[0], sealed[sealedHead:]
	if form < formValue || form > formArchive {
		return 0, nil, fmt.Errorf("the entry %.60q of etcd has a form that this zeekfleet does not know (%d): a newer zeekfleet has written it; run that one", key, form)
	}
	if binary.BigEndian.Uint32(sealed[1:]) != checksum(form, key, content) {
		return 0, nil, fmt.Errorf("the entry %.60q of etcd is damaged: its checksum is wrong; restore a backup", key)
	}
	return form, content, nil
}

// openAs opens what must have a form.
func openAs(want byte, key string, sealed []byte) ([]byte, error) {
	form, content, err := open(key, sealed)
	if err == nil && form != want {
		err = fmt.Errorf("the entry %.60q of etcd is damaged: it has the form %d, not %d; restore a backup", key, form, want)
	}
	return content, err
}

var errForm = errors.New("it is not complete")

// manifest says which chunks are a value.
type manifest struct {
	name string // SET/INDEX
	size uint64
	sum  [sha256.Size]byte
}

const (
	maxSetName  = 64
	minManifest = 1 + 8 + sha256.Size
)

func (m manifest) encode() []byte {
	out := make([]byte, 0, minManifest+len(m.name))
	out = append(out, byte(len(m.name)))
	out = append(out, m.name...)
	out = binary.BigEndian.AppendUint64(out, m.size)
	return append(out, m.sum[:]...)
}

// cutManifest takes a manifest from the beginning of b.
func cutManifest(b []byte) (m manifest, rest []byte, err error) {
	if len(b) < minManifest || b[0] == 0 || b[0] > maxSetName || len(b) < minManifest+int(b[0]) {
		return m, nil, errForm
	}
	n := 1 + int(b[0])
	m.name = string(b[1:n])
	m.size = binary.BigEndian.Uint64(b[n:])
	copy(m.sum[:], b[n+8:])
	return m, b[n+8+sha256.Size:], nil
}

// record is the revision of a part. Its changes are in the entries, except those of the
// batch.
type record struct {
	revision store.Revision
	batch    *manifest
}

func (r record) encode(key string) []byte {
	rev := binary.BigEndian.AppendUint64(nil, uint64(r.revision))
	if r.batch == nil {
		return seal(formRevision, key, rev)
	}
	return seal(formBatch, key, rev, r.batch.encode())
}

func decodeRecord(key string, sealed []byte) (record, error) {
	form, content, err := open(key, sealed)
	if err != nil {
		return record{}, err
	}
	if len(content) < 8 || form != formRevision && form != formBatch {
		return record{}, fmt.Errorf("the entry %.60q of etcd is damaged: it is no revision; restore a backup", key)
	}
	r := record{revision: store.Revision(binary.BigEndian.Uint64(content))}
	rest := content[8:]
	if form == formBatch {
		m, after, err := cutManifest(rest)
		if err != nil {
			return record{}, fmt.Errorf("the entry %.60q of etcd is damaged: the batch: %w; restore a backup", key, err)
		}
		r.batch, rest = &m, after
	}
	if len(rest) > 0 {
		return record{}, fmt.Errorf("the entry %.60q of etcd is damaged: %d bytes are too many; restore a backup", key, len(rest))
	}
	return r, nil
}

// sealed is a change of an entry with what is stored for it. Nil deletes the entry.
type sealed struct {
	key   string // of the entry, without what is before it in etcd
	value []byte
}

func (s sealed) size() int { return len(s.key) + len(s.value) }

// encodeBatch returns the changes as one text.
func encodeBatch(changes []sealed) []byte {
	var out []byte
	for _, c := range changes {
		out = binary.AppendUvarint(out, uint64(len(c.key)))
		out = append(out, c.key...)
		out = binary.AppendUvarint(out, uint64(len(c.value)))
		out = append(out, c.value...)
	}
	return out
}

// decodeBatch returns the changes of a batch. They alias b.
func decodeBatch(b []byte) ([]sealed, error) {
	var changes []sealed
	for len(b) > 0 {
		var c sealed
		key, rest, err := cutBytes(b)
		if err == nil && (len(key) == 0 || len(key) > store.MaxKey) {
			err = errForm
		}
		if err != nil {
			return nil, err
		}
		c.key = string(key)
		c.value, b, err = cutBytes(rest)
		if err != nil || len(c.value) > 0 && len(c.value) < sealedHead {
			return nil, errForm
		}
		if len(c.value) == 0 {
			c.value = nil
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// cutBytes takes bytes that follow their number. The number has its shortest form, so that
// a batch has one form.
func cutBytes(b []byte) (cut, rest []byte, err error) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) || !bytes.Equal(binary.AppendUvarint(nil, n), b[:used]) {
		return nil, nil, errForm
	}
	end := used + int(n)
	return b[used:end:end], b[end:], nil
}
