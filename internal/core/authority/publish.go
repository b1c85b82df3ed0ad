package authority

import (
	"cmp"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stale says which parts of a View have changed.
type stale struct{ directory, bearers, fresh bool }

// note takes an edit that was saved.
func (s *stale) note(e edit) {
	r := e.after
	if r == nil {
		r = e.before
	}
	switch r.(type) {
	case *cluster:
		s.directory = true
	case *issuer:
		s.directory, s.fresh = true, true
	case *apiToken:
		s.bearers = true
	case *certificate:
		// Nobody minds if one that has expired stays in the Directory a while longer.
		s.directory = s.directory || e.after != nil
		s.fresh = true
	case *user:
		before, _ := e.before.(*user)
		after, _ := e.after.(*user)
		s.directory = s.directory || before == nil || after == nil || before.role != after.role
	}
}

// publishing tells what has changed.
type publishing struct {
	rotation
	// view is what was published last, and shown the certificate of the last Own. stale
	// says what has changed since.
	view  View
	shown *own
	stale stale
}

// publish tells what has changed.
func (m *publishing) publish() {
	if own := m.ownOf(m.started.Name); own != m.shown && len(m.cfg.Foreign) == 0 {
		m.shown = own
		m.emit(Own{m.shown.cert, m.oldest().Cert, m.shown.signer})
	}
	if m.stale == (stale{}) {
		return
	}
	if m.stale.directory {
		m.view.Directory = m.directory()
	}
	if m.stale.bearers {
		m.view.Bearers = m.bearers()
	}
	if m.stale.fresh {
		m.view.Fresh = m.fresh()
	}
	m.stale = stale{}
	m.emit(Published{m.view})
}

func (m *publishing) directory() *access.Directory {
	d := &access.Directory{
		Trust: &identity.Trust{
			Cluster: m.state.cluster.id, Authorities: m.cfg.Foreign, Revoked: map[string]bool{}, Rules: m.cfg.Rules, Pins: m.cfg.Pins,
		},
		Roles: map[string]mgmt.UserRole{},
		Until: make(map[string]time.Time, len(m.state.index.byOwner)),
	}
	if len(m.cfg.Foreign) == 0 {
		d.Trust.Authorities = certsOf(m.main())
		d.NodeAuthorities = certsOf(m.issuers(true))
	}
	for owner, certificates := range m.state.index.byOwner {
		var until time.Time
		for serial, c := range certificates {
			switch {
			case !c.revoked.IsZero():
				d.Trust.Revoked[serial] = true
			case c.expires.After(until):
				until = c.expires
			}
		}
		if !until.IsZero() {
			d.Until[owner.String()] = until
		}
	}
	d.RevokedControllers = m.revokedControllers()
	for _, u := range m.state.users {
		d.Roles[u.name] = u.role
	}
	return d
}

// revokedControllers returns the serial numbers that agents must know.
func (m *publishing) revokedControllers() []string {
	var list []*certificate
	for _, c := range m.state.certificates {
		if c.owner.Kind == identity.Controller && !c.revoked.IsZero() && m.now.Before(c.expires) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *certificate) int {
		return cmp.Or(b.expires.Compare(a.expires), strings.Compare(a.serial, b.serial))
	})
	if len(list) > mgmt.MaxRevoked {
		m.emit(Note{Note: note.Note{Level: Warn, Text: "agents do not learn of all revoked controllers: there are too many; replace the authority (zeekfleet ca rotate)"}})
		list = list[:mgmt.MaxRevoked]
	}
	var serials []string
	for _, c := range list {
		serials = append(serials, c.serial)
	}
	return serials
}

func certsOf(list []*issuer) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, i := range list {
		certs = append(certs, i.Cert)
	}
	return certs
}

func (m *publishing) bearers() map[string]Bearer {
	bearers := map[string]Bearer{}
	for _, t := range m.state.apiTokens {
		bearers[t.id] = Bearer{User: t.user, Hash: t.secret, Expires: t.expires, NextUse: t.lastUse.Add(m.cfg.UseGrain)}
	}
	return bearers
}

// fresh returns the certificates of the new authority that nobody has shown yet.
func (m *publishing) fresh() map[string]bool {
	fresh := map[string]bool{}
	if len(m.cfg.Foreign) > 0 || len(m.main()) < 2 {
		return fresh
	}
	for _, c := range m.state.certificates {
		if m.awaited(c) && !c.used && c.authority == m.signing().hash {
			fresh[c.serial] = true
		}
	}
	return fresh
}

// tell writes into the log what was made or dropped that an operator must know.
func (m *publishing) tell(e edit) {
	text := "an authority was made"
	i, ok := e.after.(*issuer)
	if e.after == nil {
		text = "the old authority is no longer trusted"
		i, ok = e.before.(*issuer)
	}
	if ok {
		m.emit(Note{Note: note.Note{Level: Info, Text: text}, Subject: i.Cert.Subject.CommonName + " " + identity.Fingerprint(i.Cert)})
	}
}
