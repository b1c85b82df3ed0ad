package happenings

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
	// Since is the earliest Time. The zero time means all.
	Since time.Time
	// After is the number of the record after which to begin. Zero means all.
	After uint64
	// Before is the number of the record before which to end. Zero means all.
	Before uint64
	// Instance, Node and Kind are those of the records. Empty means all.
	Instance mgmt.InstanceName
	Node     mgmt.NodeName
	Kind     mgmt.HappeningKind
	// Limit bounds the records. Zero means 1000; more than 10,000 means 10,000.
	Limit int
	// Latest says which records to return if there are more than Limit: the latest ones.
	// Otherwise it is the earliest ones.
	Latest bool
}

// The default and the greatest Limit of a Query.
const (
	DefaultLimit = 1000
	MaxLimit     = 10_000
)

// Read returns the records that a query wants, in the order in which they were written. It
// skips damaged lines. It searches the whole log if need be.
func (l *Log) Read(q Query) ([]Record, error) {
	q.Limit = min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	var all []Record
	for {
		found, rest, err := l.Search(q)
		if q.Latest {
			all, q.Before = append(found, all...), rest
		} else {
			all, q.After = append(all, found...), rest
		}
		if err != nil || rest == 0 || len(all) >= q.Limit {
			return q.limited(all), err
		}
	}
}

// Search is a Read that does a limited amount of work. If it has not searched everything, or
// has found as many of the earliest records as the query wants, rest is the number with which
// to go on: in place of Before if the query wants the latest records, and else in place of
// After. Otherwise it is zero.
func (l *Log) Search(q Query) (found []Record, rest uint64, err error) {
	q.Limit = min(cmp.Or(max(q.Limit, 0), DefaultLimit), MaxLimit)
	if list, ok := l.readRecent(q); ok {
		return list, q.rest(list, 0), nil
	}
	segments := l.journal.Segments()
	order := slices.All(segments)
	if q.Latest {
		order = slices.Backward(segments)
	}
	searched, last := 0, uint64(0)
	for _, g := range order {
		if g.Last <= q.After || g.To.Before(q.Since) || q.Before > 0 && g.First >= q.Before {
			continue
		}
		if searched++; searched > l.cfg.SearchSegments {
			return found, q.rest(found, last), nil
		}
		if last = g.Last; q.Latest {
			last = g.First
		}
		text, err := l.journal.Text(g)
		if err != nil {
			return nil, 0, fmt.Errorf("read the log of happenings: %w", err)
		}
		some, damaged := q.scan(text)
		if damaged {
			l.journal.ReportDamage(g)
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
	return found, q.rest(found, 0), nil
}

// rest returns with which number to go on after these records were found. searched is that of
// the record up to which the log was searched, or zero if all of it was.
func (q Query) rest(found []Record, searched uint64) uint64 {
	switch {
	case len(found) < q.Limit:
		return searched
	case q.Latest:
		return 0
	}
	return found[len(found)-1].Seq
}

// readRecent answers a query from memory, if memory has everything that it may want. Readers that
// follow ask after every few records, mostly for a kind that is not among them.
func (l *Log) readRecent(q Query) ([]Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.recent
	whole := len(recent) > 0 && (q.After+1 >= recent[0].Seq || recent[0].Seq == 1)
	if !whole && !q.Latest {
		return nil, false
	}
	first := sort.Search(len(recent), func(i int) bool { return recent[i].Seq > q.After })
	var all []Record
	for i := first; i < len(recent); i++ {
		if q.wants(&recent[i]) {
			all = append(all, recent[i])
		}
	}
	if !whole && len(all) < q.Limit {
		return nil, false
	}
	return q.limited(all), true
}

// wants reports whether a record is one of those that q wants.
func (q Query) wants(r *Record) bool {
	return r.Seq > q.After && (q.Before == 0 || r.Seq < q.Before) && !r.Time.Before(q.Since) && (q.Instance == "" || r.Instance == q.Instance) &&
		(q.Node == "" || r.Node == q.Node) && (q.Kind == "" || r.Kind == q.Kind)
}

// limited returns as many records as q wants. The records are sorted.
func (q Query) limited(found []Record) []Record {
	switch {
	case q.Limit == 0 || len(found) <= q.Limit:
		return found
	case q.Latest:
		return found[len(found)-q.Limit:]
	}
	return found[:q.Limit]
}

// scan returns the records in the text of a segment that q wants, and whether the text is
// damaged.
func (q Query) scan(text []byte) (found []Record, damaged bool) {
	must := q.parts()
	for line := range journal.WholeLines(text) {
		if slices.ContainsFunc(must, func(part []byte) bool { return !bytes.Contains(line, part) }) {
			continue
		}
		h, object, err := readHead(line)
		if err != nil {
			damaged = true
			continue
		}
		if h.Seq <= q.After || h.Time.Before(q.Since) {
			continue
		}
		r, err := decode(h, object)
		if err != nil {
			damaged = true
			continue
		}
		if q.wants(&r) {
			found = append(found, r)
		}
		if len(found) == q.Limit && q.Limit > 0 && !q.Latest {
			break
		}
	}
	return found, damaged
}

// parts returns what stands in the line of each record that q wants, so that most other
// lines need not be decoded.
func (q Query) parts() (must [][]byte) {
	for _, part := range [][2]string{{`"instance":`, string(q.Instance)}, {`"node":`, string(q.Node)}, {`"kind":`, string(q.Kind)}} {
		if part[1] != "" {
			must = append(must, append([]byte(part[0]), form.Encode(part[1])...))
		}
	}
	return must
}
