package daemon

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// PassedOn is for whom another controller makes a request.
type PassedOn struct {
	access.Passed
	// By is the name of that controller.
	By  string
	who *Who
}

// Passed returns for whom a peer makes a request, from the header in which controllers say
// that. Its error is for the peer: nobody else may send the header.
func (w *Who) Passed(p bus.Peer, header string) (PassedOn, error) {
	by, err := w.controller(p)
	if err != nil {
		return PassedOn{}, err
	}
	passed, err := access.ParsePassed(header)
	if err != nil {
		return PassedOn{}, fmt.Errorf("for whom controller %s asks is not understood: %w", by, err)
	}
	return PassedOn{passed, by, w}, nil
}

// controller returns the name of the controller whose certificate a peer has shown.
func (w *Who) controller(p bus.Peer) (string, error) {
	const only = "only controllers of this cluster may ask for others"
	id, err := identity.Parse(p.Identity)
	if p.Certificate == nil || w.authority == nil || err != nil || id.Kind != identity.Controller {
		return "", fmt.Errorf("%s", only)
	}
	if err := w.stands(p, time.Now()); err != nil {
		return "", fmt.Errorf("%s: %w", only, err)
	}
	return id.Name, nil
}

// Principal returns the user: that of the API token, if the request shows one, else that of
// the connection to the other controller. Its error is for the user.
func (p PassedOn) Principal(bearer string) (who mgmt.Principal, err error) {
	if bearer == "" {
		return p.Passed.Principal(p.By, p.who.directory())
	}
	who, err = p.who.authority.Bearer(bearer)
	who.Source = netip.AddrPortFrom(p.Source.Addr().Unmap(), p.Source.Port()).String()
	return who, err
}
