package web

import (
	"net/netip"
	"slices"
	"sync"
)

// places are the places of a limited number of connections. Some are reserved.
type places struct {
	limit, reserved int

	mu    sync.Mutex
	taken []*conn // oldest first
}

// take gives a connection a place. If none is free, it closes the connection that must
// give way. It returns false if none must.
func (p *places) take(one *conn) bool {
	victim, ok := p.swap(one)
	if victim != nil {
		victim.Close()
	}
	return ok
}

func (p *places) swap(one *conn) (victim *conn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.limit
	if !one.Own {
		limit -= p.reserved
	}
	if len(p.taken) >= limit {
		i := p.victim(one.Own)
		if i < 0 {
			return nil, false
		}
		victim = p.taken[i]
		p.taken = slices.Delete(p.taken, i, i+1)
	}
	p.taken = append(p.taken, one)
	return victim, true
}

// leave makes a place free, unless it was given to another connection.
func (p *places) leave(one *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.taken, one); i >= 0 {
		p.taken = slices.Delete(p.taken, i, i+1)
	}
}

// victim returns the index of the connection that must give way, or -1 if none must.
// Connections of root and of the controller's own user give way to each other alone. The
// caller holds mu.
func (p *places) victim(own bool) int {
	strangers := map[netip.Addr]int{}
	most := 0
	for _, c := range p.taken {
		if c.stranger() {
			n := strangers[c.network()] + 1
			strangers[c.network()] = n
			most = max(most, n)
		}
	}
	if most > 0 {
		return slices.IndexFunc(p.taken, func(c *conn) bool { return c.stranger() && strangers[c.network()] == most })
	}
	if i := p.idlest(func(c *conn) bool { return !c.Own }); i >= 0 || !own {
		return i
	}
	return p.idlest(func(c *conn) bool { return c.Own })
}

// idlest returns the index of the connection of some that is idle longest, or -1. The
// caller holds mu.
func (p *places) idlest(of func(*conn) bool) int {
	found := -1
	for i, c := range p.taken {
		if of(c) && c.active.Load() == 0 && (found < 0 || c.used.Load() < p.taken[found].used.Load()) {
			found = i
		}
	}
	return found
}

// stranger reports whether nobody knows whose connection it is.
func (c *conn) stranger() bool { return !c.Own && !c.known.Load() }

// network returns the address for which a connection counts.
func (c *conn) network() netip.Addr { return network(c.Remote.Addr(), 64) }

// network returns the address by which an attacker counts: of an IPv6 address, the first
// bits. One host has as many as it likes in its network of 64 bits.
func network(addr netip.Addr, bits int) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}
