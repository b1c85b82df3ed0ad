package audit

import (
	"cmp"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// RefusalsConfig bounds what repeated refusals write.
type RefusalsConfig struct {
	// Window is the time within which equal refusals become one record. Zero means a
	// minute.
	Window time.Duration
	// Kinds bounds the different refusals within a window, of users and of strangers each.
	// All beyond it are counted together. Zero means 128.
	Kinds int
	// KindsOfOne bounds those of one user or stranger at one place. The others of that one
	// are counted together, so that a stranger with many inventions hides nobody else.
	// Zero means 16.
	KindsOfOne int
}

// Refusals makes few records of many refusals. The first refusal is a record at once.
// Refusals of the same user, source, request and reason that follow within Window are
// one record with their number at its end. The ports of sources do not count, and IPv6
// addresses count by their first 64 bits, because one host has many of both. Numbers and
// times in reasons do not count either: some reasons say what the clock says, or a port.
// It belongs to one goroutine.
type Refusals struct {
	cfg  RefusalsConfig
	open map[refusal]*repeated
	// rest counts those beyond Kinds: of users (true), and of strangers.
	rest map[bool]*repeated
}

// refusal is what equal refusals have in common.
type refusal struct {
	who, source, request, subject, reason string
	role                                  mgmt.UserRole
	// others stands for those beyond KindsOfOne.
	others bool
}

// owner is who has caused a refusal, and where.
type owner struct {
	who, network string
	user         bool // and no stranger
}

func ownerOf(rec mgmt.AuditRecord) owner {
	return owner{rec.Who, network(rec.Source, 48), rec.Role > mgmt.NoUser}
}

// repeated counts equal refusals within a window.
type repeated struct {
	latest mgmt.AuditRecord
	owner  owner
	count  int // of those that are not a record yet
	ends   time.Time
}

// NewRefusals returns an aggregator that has seen nothing.
func NewRefusals(cfg RefusalsConfig) *Refusals {
	cfg.Window, cfg.Kinds, cfg.KindsOfOne = cmp.Or(cfg.Window, time.Minute), cmp.Or(cfg.Kinds, 128), cmp.Or(cfg.KindsOfOne, 16)
	return &Refusals{cfg: cfg, open: map[refusal]*repeated{}, rest: map[bool]*repeated{}}
}

// Add takes a refusal. It returns the records that must be written now: those of Due,
// and then the refusal itself if it is the first of its kind.
func (r *Refusals) Add(now time.Time, rec mgmt.AuditRecord) []mgmt.AuditRecord {
	due := r.Due(now)
	if rec.Time.IsZero() {
		rec.Time = now
	}
	by := ownerOf(rec)
	key := refusal{
		who: rec.Who, source: network(rec.Source, 64), request: rec.Request, subject: rec.Subject, reason: gist(rec.Reason), role: rec.Role,
	}
	all, ofOne := r.kinds(by)
	if r.open[key] == nil && ofOne >= r.cfg.KindsOfOne {
		key, rec = refusal{who: by.who, source: by.network, role: rec.Role, others: true}, r.other(rec)
	}
	if same := r.open[key]; same != nil {
		same.latest, same.count = rec, same.count+max(rec.Times, 1)
		return due
	}
	if all < r.cfg.Kinds {
		r.open[key] = &repeated{latest: rec, owner: by, ends: now.Add(r.cfg.Window)}
		return append(due, rec)
	}
	rest := r.rest[by.user]
	if rest == nil {
		rest = &repeated{ends: now.Add(r.cfg.Window)}
		r.rest[by.user] = rest
	}
	rest.count += max(rec.Times, 1)
	rest.latest = mgmt.AuditRecord{
		Time: rec.Time, Who: "many", Request: rec.Request, Outcome: mgmt.AuditRefused,
		Reason: fmt.Sprintf("there were more than %d different refusals within %v; the latest of the others: %s at %s: %s",
			r.cfg.Kinds, r.cfg.Window, rec.Who, rec.Source, rec.Reason),
	}
	return due
}

// kinds returns how many different refusals there are of users, or of strangers, and how
// many of them are of one.
func (r *Refusals) kinds(by owner) (all, ofOne int) {
	for _, one := range r.open {
		if one.owner.user == by.user {
			all++
		}
		if one.owner == by {
			ofOne++
		}
	}
	return all, ofOne
}

// other returns the record of a refusal beyond KindsOfOne.
func (r *Refusals) other(rec mgmt.AuditRecord) mgmt.AuditRecord {
	rec.Reason = fmt.Sprintf("there were more than %d different refusals of this one within %v; the latest of the others: %s",
		r.cfg.KindsOfOne, r.cfg.Window, rec.Reason)
	return rec
}

// Due returns the records of windows that have ended. A kind that was refused within
// its window begins another one.
func (r *Refusals) Due(now time.Time) []mgmt.AuditRecord {
	var due []mgmt.AuditRecord
	for key, same := range r.open {
		if now.Before(same.ends) {
			continue
		}
		if same.count == 0 {
			delete(r.open, key)
			continue
		}
		due = append(due, same.record())
		same.ends = now.Add(r.cfg.Window)
	}
	for user, rest := range r.rest {
		if !now.Before(rest.ends) {
			due = append(due, rest.record())
			delete(r.rest, user)
		}
	}
	return sorted(due)
}

// Flush returns the records of all windows, and ends them.
func (r *Refusals) Flush() []mgmt.AuditRecord {
	var all []mgmt.AuditRecord
	for _, same := range r.open {
		if same.count > 0 {
			all = append(all, same.record())
		}
	}
	for _, rest := range r.rest {
		all = append(all, rest.record())
	}
	r.open, r.rest = map[refusal]*repeated{}, map[bool]*repeated{}
	return sorted(all)
}

// record returns the record of what was counted, and counts anew.
func (s *repeated) record() mgmt.AuditRecord {
	rec := s.latest
	rec.Times, s.count = s.count, 0
	return rec
}

// sorted sorts records by their times. Those with the same time are sorted by their
// texts, so that the order is always the same.
func sorted(list []mgmt.AuditRecord) []mgmt.AuditRecord {
	sort.Slice(list, func(i, j int) bool {
		return cmp.Or(list[i].Time.Compare(list[j].Time), cmp.Compare(list[i].Who, list[j].Who), cmp.Compare(list[i].Source, list[j].Source),
			cmp.Compare(list[i].Request, list[j].Request), cmp.Compare(list[i].Subject, list[j].Subject), cmp.Compare(list[i].Reason, list[j].Reason)) < 0
	})
	return list
}

// Next returns when Due has something to do. It returns false if it has nothing.
func (r *Refusals) Next() (next time.Time, ok bool) {
	offer := func(at time.Time) {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	for _, same := range r.open {
		offer(same.ends)
	}
	for _, rest := range r.rest {
		offer(rest.ends)
	}
	return next, ok
}

// gist returns a reason without the words that begin with a digit. Names of instances
// and users stay, because they stand in quotes or after a word and a slash.
func gist(reason string) string {
	words := strings.Fields(reason)
	for i, word := range words {
		if '0' <= word[0] && word[0] <= '9' {
			words[i] = "0"
		}
	}
	return strings.Join(words, " ")
}

// network returns the part of a source that all connections of a host have in common: of
// an IPv6 address, that are the first bits.
func network(source string, bits int) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		with, err := netip.ParseAddrPort(source)
		if err != nil {
			return source
		}
		addr = with.Addr()
	}
	addr = addr.Unmap()
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return source
	}
	return prefix.String()
}
