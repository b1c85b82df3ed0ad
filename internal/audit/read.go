package audit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
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
		some, err := l.readShelf(s, q)
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		found = append(found, some...)
	}
	slices.SortFunc(found, func(a, b mgmt.AuditRecord) int { return cmp.Compare(a.Seq, b.Seq) })
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
func (l *Log) readShelf(s *shelf, q Query) ([]mgmt.AuditRecord, error) {
	l.mu.Lock()
	segments := slices.Clone(s.segments)
	l.mu.Unlock()
	order := slices.All(segments)
	if q.Latest {
		order = slices.Backward(segments)
	}
	var found []mgmt.AuditRecord
	for _, g := range order {
		if g.last <= q.After || g.to.Before(q.Since) {
			continue
		}
		some, damaged, err := q.readSegment(g)
		if err != nil {
			return nil, err
		}
		if damaged && !g.damaged {
			l.reportDamage(s, g.path)
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

// reportDamage logs once that a segment is damaged.
func (l *Log) reportDamage(s *shelf, path string) {
	l.mu.Lock()
	i := slices.IndexFunc(s.segments, func(g segment) bool { return g.path == path })
	known := i < 0 || s.segments[i].damaged
	if !known {
		s.segments[i].damaged = true
	}
	l.mu.Unlock()
	if !known {
		l.cfg.Logger.Error("the audit log is damaged: lines are skipped", "path", path)
	}
}

// readSegment returns the records of a segment that q wants, and whether the segment
// is damaged. A segment that was removed has none.
func (q Query) readSegment(g segment) (found []mgmt.AuditRecord, damaged bool, err error) {
	f, err := durable.OpenRegular(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, g.size)) // what follows may be written just now
	if err != nil {
		return nil, false, err
	}
	found, damaged = q.scan(text)
	return found, damaged, nil
}

// scan returns the records in the text of a segment that q wants, and whether the text
// is damaged.
func (q Query) scan(text []byte) (found []mgmt.AuditRecord, damaged bool) {
	who := encodedWho(q.User)
	for line := range wholeLines(text) {
		h, object, err := readHead(line)
		if err != nil {
			damaged = true
			continue
		}
		if h.seq <= q.After || h.time.Before(q.Since) || !bytes.Contains(object, who) {
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
