package etcdstore

import (
	"bytes"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

var exampleManifest = manifest{name: "SET/0", size: 70_000, sum: [32]byte{1, 2, 3}}

// What is accepted has one form, and what was changed is refused.
func FuzzSealed(f *testing.F) {
	f.Add("key", seal(formValue, "key", []byte("value")))
	f.Add("", seal(formManifest, "", exampleManifest.encode()))
	f.Add("rev/part", record{revision: 7}.encode("rev/part"))
	f.Add("rev/part", record{revision: 7, batch: &exampleManifest}.encode("rev/part"))
	f.Fuzz(func(t *testing.T, key string, stored []byte) {
		form, content, err := open(key, stored)
		if err != nil {
			return
		}
		if again := seal(form, key, content); !bytes.Equal(again, stored) {
			t.Errorf("sealed again: got %x, want %x", again, stored)
		}
		for bit := range 8 * min(len(stored), 40) {
			changed := bytes.Clone(stored)
			changed[bit/8] ^= 1 << (bit % 8)
			if _, _, err := open(key, changed); err == nil {
				t.Errorf("bit %d was changed: got no error", bit)
			}
		}
		if _, _, err := open(key+"x", stored); err == nil {
			t.Error("what was stored for another key is accepted")
		}
		if r, err := decodeRecord(key, stored); err == nil {
			if again := r.encode(key); !bytes.Equal(again, stored) {
				t.Errorf("record: got %x, want %x", again, stored)
			}
		}
	})
}

// The checksum keeps damage out. These see what is behind it.
func FuzzContent(f *testing.F) {
	f.Add([]byte("1234567890"))
	f.Add(exampleManifest.encode())
	f.Add(append([]byte("12345678"), exampleManifest.encode()...))
	f.Add(encodeBatch([]sealed{{"a", seal(formValue, "a", []byte("1"))}, {"b", nil}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if m, rest, err := cutManifest(content); err == nil && !bytes.Equal(append(m.encode(), rest...), content) {
			t.Errorf("manifest %+v with %x is not %x", m, rest, content)
		}
		if changes, err := decodeBatch(content); err == nil && !bytes.Equal(encodeBatch(changes), content) {
			t.Errorf("batch %v is not %x", changes, content)
		}
		for _, form := range []byte{formRevision, formBatch} {
			stored := seal(form, "rev/part", content)
			if r, err := decodeRecord("rev/part", stored); err == nil && !bytes.Equal(r.encode("rev/part"), stored) {
				t.Errorf("record %+v is not %x", r, stored)
			}
		}
		_, _ = parseNumber("key", content)
		_, _, _ = openArchive("hash", seal(formArchive, "hash", content))
	})
}

func FuzzBatchName(f *testing.F) {
	f.Add(batchName(quorum.Batch{First: 1, Last: 1 << 63, Lines: []byte("lines")}))
	f.Add("0000000000000001-0000000000000001-+0000001")
	f.Fuzz(func(t *testing.T, name string) {
		first, last, size, err := parseBatchName(name)
		if err != nil {
			return
		}
		if size > 1<<20 {
			return // no lines of that size
		}
		if again := batchName(quorum.Batch{First: first, Last: last, Lines: make([]byte, size)}); again != name {
			t.Errorf("got %s, want %s", again, name)
		}
	})
}
