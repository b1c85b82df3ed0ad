package authority

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// users decides about users.
type users struct {
	*base
	tokens *tokens
}

// addUser makes a user, and a token with which the user logs in. A known user gets another
// token.
func (m *users) addUser(who mgmt.Principal, req access.AddUser) outcome {
	if err := identity.CheckName(req.Name); err != nil {
		return refuse(access.Invalid, "%v", err)
	}
	u := m.state.users[req.Name]
	switch {
	case u != nil && u.sso:
		return refuse(access.Conflict, "user %q comes through single sign-on, and needs no token", req.Name)
	case u != nil && req.Role != mgmt.NoUser && req.Role != u.role:
		return refuse(access.Conflict, "user %q has the role %s already: change it with zeekfleet user role %[1]s %[3]s", req.Name, u.role, req.Role)
	case u == nil && slices.Contains(m.cfg.Reserved, req.Name):
		return m.reservedName(req.Name)
	case u == nil && !isRole(req.Role):
		return refuse(access.Invalid, "user %q needs a role: viewer, operator or admin", req.Name)
	case u == nil && len(m.state.users) >= m.cfg.Limits.Users:
		return m.tooManyUsers()
	}
	if u == nil {
		m.put(&user{name: req.Name, role: req.Role, created: m.now})
	}
	owner := identity.Identity{Kind: identity.User, Name: req.Name}
	if len(m.cfg.Foreign) > 0 {
		return outcome{answer: access.Token{
			TokenInfo: access.TokenInfo{For: owner, By: who.Name, Created: m.now}, Instead: m.instead(owner),
		}}
	}
	return m.tokens.newToken(who, owner, req.TTL, 1)
}

// instead says which certificate proves who a user is, if an organisation signs them.
func (m *users) instead(owner identity.Identity) string {
	const none = "this controller signs no certificates (tls.cert is set), so there is no token to log in with: "
	for _, rule := range m.cfg.Rules {
		if name, ok := rule.NameOf(owner); ok {
			return fmt.Sprintf("%sthe user shows a certificate of the organisation with the name %s (tls.identities has %s)", none, name, rule)
		}
	}
	return fmt.Sprintf("%sset tls.identities so that it names the certificate of this user, as in cn:%s=%s, and restart the controller", none, owner.Name, owner)
}

func isRole(r mgmt.UserRole) bool { return r >= mgmt.Viewer && r <= mgmt.Admin }

func (m *users) setRole(req access.SetRole) outcome {
	u := m.state.users[req.Name]
	switch {
	case u == nil:
		return m.unknownUser(req.Name)
	case !isRole(req.Role):
		return refuse(access.Invalid, "user %q needs a role: viewer, operator or admin", req.Name)
	case u.sso:
		return refuse(access.Conflict, "the role of user %q follows from the groups that the user has at the provider of identities: change these groups", req.Name)
	}
	next := *u
	next.role = req.Role
	m.put(&next)
	return outcome{answer: access.Done{}}
}

// removeUser ends a user. The last admin may be removed: root on the controller's host is
// an admin without a certificate.
func (m *users) removeUser(req access.RemoveUser) outcome {
	u := m.state.users[req.Name]
	if u == nil {
		return m.unknownUser(req.Name)
	}
	m.drop(u)
	owner := identity.Identity{Kind: identity.User, Name: u.name}
	m.revokeAll(owner)
	for _, id := range slices.Sorted(maps.Keys(m.state.apiTokens)) {
		if t := m.state.apiTokens[id]; t.user == u.name {
			m.drop(t)
		}
	}
	m.endLogins(owner)
	return outcome{answer: access.Done{}}
}

// endLogins ends the tokens with which a user can log in, and reports whether there was
// one.
func (m *base) endLogins(owner identity.Identity) (ended bool) {
	if owner.Kind != identity.User {
		return false
	}
	for _, id := range slices.Sorted(maps.Keys(m.state.tokens)) {
		if t := m.state.tokens[id]; t.forWhom == owner && t.works(m.now) {
			m.endToken(t, revoked)
			ended = true
		}
	}
	return ended
}

func (m *users) listUsers() access.Users {
	list := access.Users{}
	for _, name := range slices.Sorted(maps.Keys(m.state.users)) {
		u := m.state.users[name]
		list = append(list, access.UserInfo{Name: name, Role: u.role, Created: u.created, SSO: u.sso, LastUse: u.lastUse})
	}
	return list
}

func (m *base) unknownUser(name string) outcome {
	if near := mgmt.Nearest(name, slices.Sorted(maps.Keys(m.state.users))); near != "" {
		return refuse(access.NotFound, "user %.60q is unknown here; did you mean %q?", name, near)
	}
	return refuse(access.NotFound, "user %.60q is unknown here: an admin can add the user (zeekfleet user add)", name)
}

func (m *base) reservedName(name string) outcome {
	return refuse(access.Invalid, "%q is an account of this host that is an admin without a certificate: choose a name that nobody takes for it in the audit", name)
}

func (m *base) tooManyUsers() outcome {
	return refuse(access.Limited, "there are %d users: remove some (zeekfleet user list)", m.cfg.Limits.Users)
}
