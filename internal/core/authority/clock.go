package authority

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// CheckClock returns an error if the authorities of the State do not count now. Then nothing
// that they sign would count. Most often the clock is wrong.
func (s State) CheckClock(now time.Time) error {
	for _, i := range s.authorities {
		if early := i.Cert.NotBefore.Sub(now); early > identity.MaxEarly {
			return fmt.Errorf("the authority of this cluster is valid from %s on, and this host's clock says %s: the clock is wrong by %s or more; set it, and start again",
				identity.Clock(i.Cert.NotBefore), identity.Clock(now), identity.Rough(early))
		}
	}
	for _, i := range s.authorities {
		if !now.Before(i.Cert.NotAfter) && !s.replaced(i) {
			return fmt.Errorf("the authority of this cluster expired at %s, and this host's clock says %s: set the clock if it is wrong; otherwise move the authority away, and let everybody join again",
				identity.Clock(i.Cert.NotAfter), identity.Clock(now))
		}
	}
	return nil
}

// replaced reports whether a later authority has the place of one.
func (s State) replaced(i *issuer) bool {
	for _, other := range s.authorities {
		if other.nodes == i.nodes && other.number > i.number {
			return true
		}
	}
	return false
}
