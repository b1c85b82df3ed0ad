package audit

import (
	"github.com/zeekfleet/zeekfleet/internal/journal"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Encode returns the line of a record.
var Encode = encode

// Survey returns how many bytes of a text are whole lines, and the number of the last
// record. Scan returns the records.
func Survey(text []byte) (size int64, last uint64, err error) {
	g, _, err := journal.Survey(text, headOf)
	return g.Size, g.Last, err
}

// Scan returns the records in a text.
func Scan(text []byte) []mgmt.AuditRecord {
	found, _ := Query{}.scan(text)
	return found
}
