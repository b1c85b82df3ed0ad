package authority

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// index finds certificates without a look at all of them: a cluster has tens of thousands.
type index struct {
	byOwner map[identity.Identity]map[string]*certificate // by serial number
	renewed map[string]map[string]*certificate            // by the serial number of the earlier one
	// first is when the first of all certificates expires, if known.
	first time.Time
	known bool
}

func newIndex() *index {
	return &index{byOwner: map[identity.Identity]map[string]*certificate{}, renewed: map[string]map[string]*certificate{}}
}

// change takes that a certificate stands in the place of another one. Each may be nil.
func (x *index) change(before, after record) {
	if c, ok := before.(*certificate); ok {
		take(x.byOwner, c.owner, c)
		take(x.renewed, c.from, c)
		x.known = x.known && c.expires.After(x.first)
	}
	if c, ok := after.(*certificate); ok {
		put(x.byOwner, c.owner, c)
		if c.from != "" {
			put(x.renewed, c.from, c)
		}
		if x.known && c.expires.Before(x.first) {
			x.first = c.expires
		}
	}
}

func put[K comparable](of map[K]map[string]*certificate, key K, c *certificate) {
	if of[key] == nil {
		of[key] = map[string]*certificate{}
	}
	of[key][c.serial] = c
}

func take[K comparable](of map[K]map[string]*certificate, key K, c *certificate) {
	delete(of[key], c.serial)
	if len(of[key]) == 0 {
		delete(of, key)
	}
}

// firstEnd returns when the first certificate expires. It reports false if there is none.
func (s *State) firstEnd() (time.Time, bool) {
	if len(s.certificates) == 0 {
		return time.Time{}, false
	}
	x := s.index
	if !x.known {
		x.first, x.known = time.Time{}, true
		for _, c := range s.certificates {
			if x.first.IsZero() || c.expires.Before(x.first) {
				x.first = c.expires
			}
		}
	}
	return x.first, true
}
