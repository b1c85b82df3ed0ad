package authority

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

var epoch = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// The index must say what a look at all certificates would say, whatever was put, replaced,
// dropped and undone.
func TestTheIndexFindsWhatALookAtAllCertificatesFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := &base{state: newState(), now: epoch}
	serial := func() string { return fmt.Sprint(rng.IntN(30)) }
	for round := range 3000 {
		switch n := rng.IntN(10); {
		case n < 6:
			c := &certificate{
				serial: serial(), owner: identity.Identity{Kind: identity.Agent, Name: fmt.Sprint(rng.IntN(5))},
				expires: epoch.Add(time.Duration(rng.IntN(100)-20) * time.Hour),
			}
			if rng.IntN(2) == 0 {
				c.from = serial()
			}
			m.put(c)
		case n < 8:
			if c := m.state.certificates[serial()]; c != nil {
				m.drop(c)
			}
		case n < 9:
			m.undo()
		default:
			m.edits = nil // they are saved
		}
		compareIndex(t, m, round)
	}
}

func compareIndex(t *testing.T, m *base, round int) {
	t.Helper()
	owned, renewed := map[identity.Identity]int{}, map[string]int{}
	var first time.Time
	for _, c := range m.state.certificates {
		owned[c.owner]++
		if c.from != "" {
			renewed[c.from]++
		}
		if first.IsZero() || c.expires.Before(first) {
			first = c.expires
		}
	}
	if got, ok := m.state.firstEnd(); !got.Equal(first) || ok != (len(m.state.certificates) > 0) {
		t.Fatalf("round %d: the first one expires at %v, not %v", round, first, got)
	}
	if len(m.state.index.byOwner) != len(owned) || len(m.state.index.renewed) != len(renewed) {
		t.Fatalf("round %d: %d owners and %d that were renewed, not %d and %d", round, len(owned), len(renewed), len(m.state.index.byOwner), len(m.state.index.renewed))
	}
	for owner, n := range owned {
		if len(m.state.index.byOwner[owner]) != n {
			t.Fatalf("round %d: %s has %d certificates, not %d", round, owner, n, len(m.state.index.byOwner[owner]))
		}
	}
	for from, n := range renewed {
		if len(m.state.index.renewed[from]) != n {
			t.Fatalf("round %d: %d were got for %s, not %d", round, n, from, len(m.state.index.renewed[from]))
		}
	}
}
