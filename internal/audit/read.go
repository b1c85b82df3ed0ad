package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/journal"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Query says which records are wanted. The zero Query wants the oldest ones.
type Query struct {
	// Since is the time of the earliest record. The zero time means all.
	Since time.Time
	// User is who asked, as the record has it, such as "ann" or "root (uid 0)". Empty means
	// everybody.
	User string
	// After is the number of the record after which to begin. Zero means all.
	After uint64
	// Limit bounds the records. Zero means 1000; more than 10,000 means 10,000.
	Limit int
	// Latest says which records to return if there are more than Limit: the latest
	// ones. Otherwise it is the earliest ones.
	Latest bool
}

// The default and the greatest Limit of a Query.
const (
	DefaultLimit = 1000
	MaxLimit     = 10_000
)

// Read returns the records that a query wants, in the order in which they were written.
// It skips damaged lines.
func (l *Log) Read(q Query) ([]mgmt.AuditRecord, error) {
	q.Limit = min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	var found []mgmt.AuditRecord
	for _, s := range l.shelf {
		some, err := q.readShelf(s)
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		found = append(found, some...)
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Seq < found[j].Seq })
	return q.limited(found), nil
}

// limited returns as many records as q wants. The records are sorted.
func (q Query) limited(found []mgmt.AuditRecord) []mgmt.AuditRecord {
	switch {
	case len(found) <= q.Limit:
		return found
	case q.Latest:
		return found[len(found)-q.Limit:]
	}
	return found[:q.Limit]
}

// readShelf returns the records of a shelf that q wants, sorted.
func (q Query) readShelf(s *journal.Journal) ([]mgmt.AuditRecord, error) {
	segments := s.Segments()
	order := slices.All(segments)
	if q.Latest {
		order = slices.Backward(segments)
	}
	var found []mgmt.AuditRecord
	for _, g := range order {
		if g.Last <= q.After || g.To.Before(q.Since) {
			continue
		}
		text, err := s.Text(g)
		if err != nil {
			return nil, err
		}
		some, damaged := q.scan(text)
		if damaged {
			s.ReportDamage(g)
		}
		if q.Latest {
			some = append(some, found...)
		} else {
			some = append(found, some...)
		}
		if found = q.limited(some); len(found) == q.Limit {
			break
		}
	}
	return found, nil
}

// scan returns the records in the text of a segment that q wants, and whether the text
// is damaged.
func (q Query) scan(text []byte) (found []mgmt.AuditRecord, damaged bool) {
	who := encodedWho(q.User)
	for line := range journal.WholeLines(text) {
		h, object, err := readHead(line)
		if err != nil {
			damaged = true
			continue
		}
		if h.Seq <= q.After || h.Time.Before(q.Since) || !bytes.Contains(object, who) {
			continue
		}
		rec, err := decode(h, object)
		if err != nil {
			damaged = true
			continue
		}
		if q.User == "" || rec.Who == q.User {
			found = append(found, rec)
		}
	}
	return found, damaged
}

// encodedWho returns what stands in the line of each record of a user, so that most
// other lines need not be decoded.
func encodedWho(user string) []byte {
	name := bytes.TrimSuffix(form.Encode(user), []byte(`"`))
	return append([]byte(`"who":`), name...)
}
