package authority

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// joining decides who gets a certificate.
type joining struct {
	issuing
	tokens *tokens
}

// join gives an agent its certificates.
func (m *joining) join(req access.Join) outcome {
	t, no := m.tokens.redeem(req.Token, identity.Agent, req.Clock)
	if no != nil {
		return *no
	}
	o := outcome{}
	if req.Instance != "" && req.Instance != t.forWhom.Name {
		o = refuse(access.Conflict, "the token %s is for instance %q, and the agent that shows it is set up as %.64q (agent.name, --name): remove that setting, or make a token for that name",
			t.id, t.forWhom.Name, req.Instance)
	} else if no := m.vacate(t.forWhom, req.Replace); no != nil {
		o = *no
	} else {
		o = m.giveAgent(wish{owner: t.forWhom, request: req.Key}, req.NodeKey)
	}
	o.subject = t.forWhom.String()
	return o
}

func nodesOf(agent identity.Identity) identity.Identity {
	return identity.Identity{Kind: identity.Node, Name: agent.Name}
}

// vacate revokes the certificates of an agent that has joined, and of its nodes. It
// returns a refusal if there are any and they are not to be replaced.
func (m *joining) vacate(agent identity.Identity, replace bool) *outcome {
	if valid := m.validOf(agent); len(valid) > 0 && !replace {
		o := refuse(access.Conflict, "an agent has joined as instance %q already, at %s: if this one takes its place, say --replace; the certificates of the other one are then revoked",
			agent.Name, identity.Clock(valid[len(valid)-1].issued))
		return &o
	}
	m.revokeAll(agent)
	m.revokeAll(nodesOf(agent))
	return nil
}

// giveAgent signs the certificates of an agent and of its nodes.
func (m *joining) giveAgent(w wish, nodeKey []byte) outcome {
	agent := w.owner
	cert, no := m.issue(w)
	if no != nil {
		return *no
	}
	joined := access.Joined{
		Cluster: m.state.cluster.id, Instance: agent.Name, Expires: cert.NotAfter,
		Certificate: identity.CertPEM(cert), Authorities: texts(m.main()...), NodeAuthorities: texts(m.nodes()),
	}
	if len(nodeKey) > 0 {
		nodeCert, no := m.issue(wish{owner: nodesOf(agent), request: nodeKey})
		if no != nil {
			return *no
		}
		joined.NodeCertificate = identity.CertPEM(nodeCert)
	}
	return outcome{answer: joined}
}

// give signs a certificate of any kind.
func (m *joining) give(w wish) outcome {
	cert, no := m.issue(w)
	if no != nil {
		return *no
	}
	authorities := m.main()
	if w.owner.Kind == identity.Node {
		authorities = []*issuer{m.nodes()}
	}
	return outcome{answer: access.Certificate{
		Cluster: m.state.cluster.id, Identity: w.owner, Serial: identity.Serial(cert), Expires: cert.NotAfter,
		Certificate: identity.CertPEM(cert), Authorities: texts(authorities...),
	}}
}

// sign gives an admin a certificate of any identity.
func (m *joining) sign(req access.Sign) outcome {
	if err := req.Identity.Check(); err != nil {
		return refuse(access.Invalid, "%v", err)
	}
	if most := m.cfg.AuthorityLife; req.Life < 0 || req.Life > most {
		return refuse(access.Invalid, "a certificate is valid for a time between 0s and %v, and not for %v", most, req.Life)
	}
	if no := m.checkHosts(req.Hosts, m.cfg.Limits.Hosts); no != nil {
		return *no
	}
	switch req.Identity.Kind {
	case identity.User:
		if m.state.users[req.Identity.Name] == nil {
			return m.unknownUser(req.Identity.Name)
		}
	case identity.Agent:
		if no := m.vacate(req.Identity, req.Replace); no != nil {
			return *no
		}
	}
	return m.give(wish{owner: req.Identity, request: req.Key, hosts: req.Hosts, life: req.Life})
}

// renew gives the owner of a valid certificate another one. The old one stays valid until
// its end: the answer may be lost.
func (m *joining) renew(req access.Renew) outcome {
	c := m.state.certificates[req.Serial]
	switch {
	case c == nil:
		return refuse(access.Unproved, "the certificate %.40q of %s is not known here: %s", req.Serial, req.Identity, again(req.Identity))
	case c.owner != req.Identity:
		return refuse(access.Unproved, "the certificate %s is that of %s, and not of %s", c.serial, c.owner, req.Identity)
	case !c.revoked.IsZero():
		return refuse(access.Unproved, "the certificate %s of %s was revoked at %s: %s", c.serial, c.owner, identity.Clock(c.revoked), again(c.owner))
	case !m.now.Before(c.expires):
		return refuse(access.Unproved, "the certificate %s of %s expired at %s, and this clock says %s: %s", c.serial, c.owner, identity.Clock(c.expires), identity.Clock(m.now), again(c.owner))
	case c.sso:
		return refuse(access.Unproved, "user %q has logged in through single sign-on, and logs in again instead of renewing", c.owner.Name)
	}
	next := wish{owner: c.owner, request: req.Key, hosts: c.hosts, from: c.serial}
	switch c.owner.Kind {
	case identity.Agent:
		return m.giveAgent(next, req.NodeKey)
	case identity.User:
		u := m.state.users[c.owner.Name]
		if u == nil {
			return m.unknownUser(c.owner.Name)
		}
		m.seen(u)
	case identity.Node:
		return refuse(access.Invalid, "the certificate of nodes is renewed with that of their agent")
	}
	return m.give(next)
}

// again says how the owner of a certificate that does not count gets another one.
func again(owner identity.Identity) string {
	switch owner.Kind {
	case identity.Agent:
		return "join again (zeekfleet token create " + owner.Name + ")"
	case identity.User:
		return "log in again (zeekfleet user add " + owner.Name + ")"
	}
	return "let an admin sign another one (zeekfleet cert sign)"
}

// login gives a user a certificate, or says who has the token.
func (m *joining) login(req access.Login) outcome {
	t, no := m.tokens.redeem(req.Token, identity.User, req.Clock)
	if no != nil {
		return *no
	}
	o := outcome{}
	if u := m.state.users[t.forWhom.Name]; u == nil {
		o = m.unknownUser(t.forWhom.Name)
	} else {
		m.seen(u)
		if len(req.Key) == 0 {
			o.answer = access.Certificate{Cluster: m.state.cluster.id, Identity: t.forWhom}
		} else {
			o = m.give(wish{owner: t.forWhom, request: req.Key})
		}
	}
	o.subject = t.forWhom.String()
	return o
}

// loginSSO gives a certificate to a user for whom a provider of identities vouches.
func (m *joining) loginSSO(req access.LoginSSO) outcome {
	if err := identity.CheckName(req.Name); err != nil {
		return refuse(access.Invalid, "%v", err)
	}
	u := m.state.users[req.Name]
	switch {
	case req.Role == 0:
		return refuse(access.Forbidden, "user %q is in no group that has a role here: an admin can give a role to a group", req.Name)
	case u != nil && !u.sso:
		return refuse(access.Conflict, "user %q was added here, and does not come through single sign-on: an admin can remove that user (zeekfleet user remove %[1]s)", req.Name)
	case u != nil && u.subject != req.Subject:
		return refuse(access.Conflict, "the provider calls another person %q than before: an admin must first remove the user (zeekfleet user remove %[1]s)", req.Name)
	case u == nil && slices.Contains(m.cfg.Reserved, req.Name):
		return m.reservedName(req.Name)
	case u == nil && len(m.state.users) >= m.cfg.Limits.Users:
		return m.tooManyUsers()
	}
	next := user{name: req.Name, created: m.now, sso: true, subject: req.Subject}
	if u != nil {
		next = *u
	}
	next.role, next.lastUse = req.Role, m.now
	m.put(&next)
	owner := identity.Identity{Kind: identity.User, Name: req.Name}
	if len(req.Key) == 0 {
		return outcome{answer: access.Certificate{Cluster: m.state.cluster.id, Identity: owner}}
	}
	if len(m.cfg.Foreign) > 0 {
		return m.unavailable()
	}
	life := m.cfg.SSOLife
	if req.Life > 0 {
		life = min(req.Life, m.cfg.CertificateLife)
	}
	return m.give(wish{owner: owner, request: req.Key, life: life, sso: true})
}
