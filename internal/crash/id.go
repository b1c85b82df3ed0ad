package crash

import (
	"crypto/sha256"
	"encoding/hex"
)

// ID names a record among those of one agent. It is a word of twelve letters and digits.
func (r *Record) ID() string {
	sum := sha256.Sum256([]byte(directory(r.Node) + "/" + r.file()))
	return hex.EncodeToString(sum[:6])
}

// Find returns the record with this ID, and false if there is none that can be read.
func (s *Store) Find(id string) (Record, bool) {
	records, _ := s.All() // a record that cannot be read has no ID
	for _, r := range records {
		if r.ID() == id {
			return r, true
		}
	}
	return Record{}, false
}
