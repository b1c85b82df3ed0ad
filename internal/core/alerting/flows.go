package alerting

import (
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// flow is what is remembered of an interface, or of a worker.
type flow struct {
	busy              bool // it had packets for a while: their absence is a trouble
	from, last, quiet time.Time
	seen              time.Time
	listed            time.Time // when a sample named it last; zero: not since the restart
}

// flows are those of every instance, by the ID of the alert that their quiet makes.
type flows struct {
	of        map[mgmt.InstanceName]map[string]*flow
	count     int
	most, own int // bounds of all, and of those of one instance
	swept     time.Time
}

// restore takes from a saved state that a flow was busy.
func (s *flows) restore(id string) {
	parts := strings.SplitN(id, "/", 3)
	if len(parts) < 3 {
		return
	}
	if f := s.get(mgmt.InstanceName(parts[1]), id, time.Time{}); f != nil {
		f.busy = true
	}
}

// get returns what is remembered of a flow that a sample names now, or nil if nothing more can
// be. An instance with too many flows loses the one that was named the longest time ago.
func (s *flows) get(instance mgmt.InstanceName, id string, now time.Time) *flow {
	own := s.of[instance]
	f := own[id]
	if f == nil {
		if (len(own) >= s.own || s.count >= s.most) && !s.drop(instance, now) {
			return nil
		}
		if own == nil {
			own = map[string]*flow{}
			s.of[instance] = own
		}
		f = &flow{}
		own[id] = f
		s.count++
	}
	f.listed = now
	return f
}

// drop forgets a flow of an instance that is not named now. It forgets a few more at once: a
// host may name many new ones in each sample.
func (s *flows) drop(instance mgmt.InstanceName, now time.Time) bool {
	own := s.of[instance]
	var old []string
	for id, f := range own {
		if f.listed.Before(now) {
			old = append(old, id)
		}
	}
	sort.Slice(old, func(i, j int) bool {
		a, b := own[old[i]].listed, own[old[j]].listed
		return a.Before(b) || a.Equal(b) && old[i] < old[j]
	})
	old = old[:min(len(old), max(1, s.own/16))]
	for _, id := range old {
		delete(own, id)
	}
	s.count -= len(old)
	return len(old) > 0
}

// sweep forgets the flows that no sample has named for long, and reports whether one of them
// was busy.
func (s *flows) sweep(now time.Time) (busy bool) {
	if now.Sub(s.swept) < sweepEvery {
		return false
	}
	s.swept = now
	for instance, own := range s.of {
		for id, f := range own {
			if f.listed.IsZero() {
				f.listed = now
			}
			if now.Sub(f.listed) >= unnamed {
				delete(own, id)
				s.count--
				busy = busy || f.busy
			}
		}
		if len(own) == 0 {
			delete(s.of, instance)
		}
	}
	return busy
}
