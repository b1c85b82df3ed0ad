package sso

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"
)

// begun is a login that a browser has begun.
type begun struct {
	// source is the address of the browser.
	source string
	// cookie is the hash of what the browser must bring back.
	cookie          [sha256.Size]byte
	nonce, verifier string
	ends            time.Time
	number          uint64
}

// pending are the logins that browsers have begun, by state.
type pending struct {
	most int

	mu    sync.Mutex
	all   map[string]begun
	count uint64
}

func newPending(most int) *pending { return &pending{most: most, all: map[string]begun{}} }

// add keeps a login. At the limit, the source with the most logins loses its oldest one.
func (p *pending) add(now time.Time, state string, b begun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for state, other := range p.all {
		if !now.Before(other.ends) {
			delete(p.all, state)
		}
	}
	if len(p.all) >= p.most {
		p.dropOne()
	}
	p.count++
	b.number = p.count
	p.all[state] = b
}

func (p *pending) dropOne() {
	bySource := map[string]int{}
	for _, b := range p.all {
		bySource[b.source]++
	}
	var drop string
	for state, b := range p.all {
		if drop == "" {
			drop = state
			continue
		}
		worst := p.all[drop]
		more, most := bySource[b.source], bySource[worst.source]
		if more > most || more == most && b.number < worst.number {
			drop = state
		}
	}
	delete(p.all, drop)
}

// take returns the login with a state, and forgets it, so that no state counts twice.
func (p *pending) take(now time.Time, state string) (begun, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.all[state]
	delete(p.all, state)
	return b, ok && now.Before(b.ends)
}

// isFrom reports whether the browser that brings cookie has begun the login.
func (b begun) isFrom(cookie string) bool {
	sum := sha256.Sum256([]byte(cookie))
	return subtle.ConstantTimeCompare(sum[:], b.cookie[:]) == 1
}

// seen are the hashes of what tokens say that have counted, until they expire.
type seen struct {
	most int

	mu  sync.Mutex
	all map[[sha256.Size]byte]time.Time
}

func newSeen(most int) *seen { return &seen{most: most, all: map[[sha256.Size]byte]time.Time{}} }

// once returns an error if the token has counted before. Otherwise it counts now.
func (s *seen) once(now, until time.Time, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sum, ends := range s.all {
		if !now.Before(ends) {
			delete(s.all, sum)
		}
	}
	sum := sha256.Sum256(payload)
	if _, dup := s.all[sum]; dup {
		return refuse("this ID token has been used already: log in again")
	}
	if len(s.all) >= s.most {
		return refuse("too many logins through single sign-on within %v: wait, and log in again", freshness)
	}
	s.all[sum] = until
	return nil
}
