package daemon

import (
	"context"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// Renewer is renewer.
type Renewer = renewer

// NewRenewing returns the part of an agent that renews its certificate.
func NewRenewing(c *Credentials, e *bus.Endpoint, log *slog.Logger) func(context.Context) error {
	return NewRenewingOf(0, c, e, log)
}

// NewRenewingOf is NewRenewing for an agent that has obeyed a term.
func NewRenewingOf(term uint64, c *Credentials, e *bus.Endpoint, log *slog.Logger) func(context.Context) error {
	is := &obeyed{}
	is.term.Store(term)
	return newRenewing(c, e, joined.RenewalConfig{}, newLeads(is, func(bus.Peer) string { return "" }), log).run
}

// NewCertifying returns the two parts of a controller that renew agents' certificates.
func NewCertifying(authority Renewer, e *bus.Endpoint, log *slog.Logger) (run, sign func(context.Context) error) {
	c := newCertifying(authority, e, log)
	return c.run, c.sign
}
