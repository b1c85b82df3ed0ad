package authority

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// main returns the authorities that sign controllers, agents and users, the latest one
// first. It signs.
func (m *base) main() []*issuer { return m.issuers(false) }

// signing returns the authority that signs now, and oldest the one that is trusted for
// the longest time: it signs the certificates of the cluster's controllers.
func (m *base) signing() *issuer { return m.main()[0] }

func (m *base) oldest() *issuer {
	main := m.main()
	return main[len(main)-1]
}

// nodes returns the authority that signs nodes.
func (m *base) nodes() *issuer { return m.issuers(true)[0] }

func (m *base) issuers(nodes bool) []*issuer {
	list := slices.DeleteFunc(slices.Collect(maps.Values(m.state.authorities)), func(i *issuer) bool { return i.nodes != nodes })
	slices.SortFunc(list, func(a, b *issuer) int { return b.number - a.number })
	return list
}

// ofMain returns the authority with this KeyHash, if it signs controllers, agents and
// users.
func (m *base) ofMain(hash string) *issuer {
	if i := m.state.authorities[hash]; i != nil && !i.nodes {
		return i
	}
	return nil
}

// rotation replaces the authority.
type rotation struct{ *base }

// newIssuer makes an authority.
func (m *rotation) newIssuer(nodes bool) (*issuer, error) {
	name := "zeekfleet " + m.state.cluster.id
	if nodes {
		name = "zeekfleet nodes " + m.state.cluster.id
	}
	made, err := m.maker.Authority(name, m.now, m.cfg.AuthorityLife)
	if err != nil {
		return nil, err
	}
	number := 1
	for _, i := range m.state.authorities {
		number = max(number, i.number+1)
	}
	return &issuer{made, identity.KeyHash(made.Cert), number, nodes, false}, nil
}

// rotate makes another authority, which signs from now on.
func (m *rotation) rotate(req access.RotateAuthority) outcome {
	main := m.main()
	switch {
	case len(main) > 1 && req.Now && !main[0].hurried:
		next := *main[0]
		next.hurried = true
		m.put(&next)
		return outcome{answer: m.listAuthorities(), subject: next.hash}
	case len(main) > 1:
		var names []string
		for _, id := range m.waiting() {
			names = append(names, id.String())
		}
		advice := "revoke the certificates of an agent that never returns (zeekfleet cert revoke)"
		if !main[0].hurried {
			advice += ", and do not wait for users (zeekfleet ca rotate --now)"
		}
		return refuse(access.Conflict, "the authority is being replaced already, and %s awaited: %s", named(names), advice)
	}
	next, err := m.newIssuer(false)
	if err != nil {
		return refuse(access.Failed, "%v", err)
	}
	next.hurried = req.Now
	m.put(next)
	return outcome{answer: m.listAuthorities(), subject: next.hash}
}

// named lists names, and not too many, with a verb.
func named(names []string) string {
	const most = 5
	switch {
	case len(names) == 0:
		return "the last renewals are"
	case len(names) == 1:
		return names[0] + " is"
	case len(names) > most:
		names = append(names[:most:most], "others")
	}
	return strings.Join(names, ", ") + " are"
}

// waiting returns the owners that hold a valid certificate of an old
// authority, and that have not moved to the new one.
func (m *rotation) waiting() []identity.Identity {
	signing := m.signing().hash
	moved := map[identity.Identity]bool{}
	for _, c := range m.state.certificates {
		if !m.awaited(c) {
			continue
		}
		settled := c.authority == signing && (c.used || !m.now.Before(c.issued.Add(m.cfg.Settle)))
		moved[c.owner] = moved[c.owner] || settled
	}
	var list []identity.Identity
	for _, c := range m.state.certificates {
		if m.awaited(c) && c.authority != signing && !moved[c.owner] && !slices.Contains(list, c.owner) {
			list = append(list, c.owner)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].String() < list[j].String() })
	return list
}

// awaited reports whether an old authority must be kept for the owner of a certificate.
// The certificates of the cluster's controllers follow at the end. Users are awaited for a bounded
// time: their commands renew, and some users run none.
func (m *rotation) awaited(c *certificate) bool {
	switch c.owner.Kind {
	case identity.User:
		return c.valid(m.now) && !c.sso && m.now.Before(m.usersUntil())
	case identity.Agent:
		return c.valid(m.now)
	case identity.Controller:
		return c.valid(m.now) && c.owner.Name != m.started.Name && m.ownOf(c.owner.Name) == nil
	}
	return false
}

// usersUntil returns how long users are awaited.
func (m *rotation) usersUntil() time.Time {
	signing := m.signing()
	wait := m.cfg.AwaitUsers
	if signing.hurried {
		wait = m.cfg.Settle
	}
	return identity.MadeAt(signing.Cert).Add(wait)
}

// movesAt returns when waiting may next change although nothing happens: a certificate
// settles, or expires.
func (m *rotation) movesAt() (next time.Time, found bool) {
	signing := m.signing().hash
	if at := m.usersUntil(); at.After(m.now) {
		next, found = at, true
	}
	for _, c := range m.state.certificates {
		at := c.expires
		if c.authority == signing && !c.used {
			at = c.issued.Add(m.cfg.Settle)
		}
		if m.awaited(c) && at.After(m.now) && (!found || at.Before(next)) {
			next, found = at, true
		}
	}
	return next, found
}

// certificateUsed notes that somebody has shown a certificate.
func (m *rotation) certificateUsed(serial string) {
	c := m.state.certificates[serial]
	if m.deposed || c == nil || c.used || len(m.cfg.Foreign) > 0 || len(m.main()) < 2 {
		return
	}
	next := *c
	next.used = true
	m.put(&next)
	m.save(&saving{})
}

// endRotation drops the old authority when nobody needs it any more.
func (m *rotation) endRotation() {
	main := m.main()
	if len(main) < 2 || len(m.waiting()) > 0 && m.now.Before(main[len(main)-1].Cert.NotAfter) {
		return
	}
	m.drop(main[len(main)-1])
}

func (m *rotation) listAuthorities() access.Authorities {
	list := access.Authorities{}
	for _, cert := range m.cfg.Foreign {
		list = append(list, access.AuthorityInfo{
			KeyHash: identity.KeyHash(cert), Fingerprint: identity.Fingerprint(cert), Certificate: identity.CertPEM(cert),
			Created: cert.NotBefore, Expires: cert.NotAfter,
		})
	}
	if len(list) > 0 {
		return list
	}
	for n, i := range m.main() {
		info := access.AuthorityInfo{
			KeyHash: i.hash, Fingerprint: identity.Fingerprint(i.Cert), Certificate: identity.CertPEM(i.Cert),
			Created: identity.MadeAt(i.Cert), Expires: i.Cert.NotAfter, Signing: n == 0,
		}
		if n > 0 {
			info.Awaited = m.waiting()
			info.Renewed, info.Until = m.progress(info.Awaited)
		}
		list = append(list, info)
	}
	return list
}

// progress returns which of the owners that are awaited have a certificate of the new
// authority, and when the last one is no longer awaited.
func (m *rotation) progress(awaited []identity.Identity) (renewed []identity.Identity, until time.Time) {
	signing := m.signing().hash
	for _, owner := range awaited {
		has := false
		for _, c := range m.validOf(owner) {
			has = has || c.authority == signing
			end := c.expires
			if owner.Kind == identity.User && m.usersUntil().Before(end) {
				end = m.usersUntil()
			}
			if c.authority != signing && end.After(until) {
				until = end
			}
		}
		if has {
			renewed = append(renewed, owner)
		}
	}
	return renewed, until
}
