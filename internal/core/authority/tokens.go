package authority

import (
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// tokens decides about tokens of every kind.
type tokens struct{ *base }

func (m *tokens) createToken(who mgmt.Principal, req access.CreateToken) outcome {
	if len(m.cfg.Foreign) > 0 {
		return m.unavailable()
	}
	owner := ownerOf(req)
	if err := owner.Check(); err != nil {
		return refuse(access.Invalid, "%v", err)
	}
	switch {
	case strings.Contains(owner.Name, "*"):
		return refuse(access.Invalid, "%.60q has a star: a token is for one %s, whose whole name it has", owner.Name, kindText[owner.Kind])
	case req.Controller != "" && req.Instance != "":
		return refuse(access.Invalid, "a token is for an instance or for a controller, and not for both")
	case req.Controller != "" && req.Uses > 1:
		return refuse(access.Invalid, "a token for a controller works once, and not %d times", req.Uses)
	case req.Controller != "":
		if no := m.isMember(req.Controller); no != nil {
			return *no
		}
	}
	return m.newToken(who, owner, req.TTL, req.Uses)
}

// ownerOf returns who gets a certificate for a token.
func ownerOf(req access.CreateToken) identity.Identity {
	if req.Controller != "" {
		return identity.Identity{Kind: identity.Controller, Name: req.Controller}
	}
	return identity.Identity{Kind: identity.Agent, Name: req.Instance}
}

// kindText is what people call the owner of a certificate, and howToUse what a token for
// one is for.
var (
	kindText = map[identity.Kind]string{identity.Agent: "instance", identity.Controller: "controller", identity.User: "user"}
	howToUse = map[identity.Kind]string{
		identity.Agent:      "for an agent to join with (zeekfleet agent --join)",
		identity.Controller: "for a controller to join with (zeekfleet controller join)",
		identity.User:       "for a user to log in with (zeekfleet login)",
	}
	cannotUse = map[identity.Kind]string{
		identity.Agent: "no agent can join with it", identity.Controller: "no controller can join with it", identity.User: "no user can log in with it",
	}
)

// newToken makes a token for joining or logging in.
func (m *tokens) newToken(who mgmt.Principal, forWhom identity.Identity, ttl time.Duration, uses int) outcome {
	if ttl == 0 {
		ttl = min(access.DefaultTTL, m.cfg.MaxTTL)
	}
	if ttl < 0 || ttl > m.cfg.MaxTTL {
		return refuse(access.Invalid, "a token works for a time between 0s and %v, and not for %v", m.cfg.MaxTTL, ttl)
	}
	if uses == 0 {
		uses = 1
	}
	if uses < 0 || uses > m.cfg.Limits.Uses {
		return refuse(access.Invalid, "a token has between 1 and %d uses, and not %d", m.cfg.Limits.Uses, uses)
	}
	if !m.roomForToken() {
		return refuse(access.Limited, "there are %d tokens that have not been used: revoke some (zeekfleet token list)", m.cfg.Limits.Tokens)
	}
	secret := m.maker.Secret()
	if m.state.tokens[secret.ID] != nil || m.state.apiTokens[secret.ID] != nil {
		return refuse(access.Failed, "the new token has by chance the ID of another token: ask again")
	}
	t := &token{
		id: secret.ID, forWhom: forWhom, authority: m.oldest().hash, secret: identity.SecretHash(secret.Secret),
		by: who.Name, created: m.now, expires: m.now.Add(ttl), uses: uses,
	}
	text := identity.Token{Authority: t.authority, ID: secret.ID, Secret: secret.Secret}.String()
	m.put(t)
	return outcome{answer: access.Token{TokenInfo: t.info(), Text: text}}
}

// roomForToken reports whether there is room for one more token. It makes room among
// those that no longer work.
func (m *tokens) roomForToken() bool {
	var working int
	var oldest *token
	for _, id := range slices.Sorted(maps.Keys(m.state.tokens)) {
		t := m.state.tokens[id]
		switch {
		case t.works(m.now):
			working++
		case oldest == nil || t.forgetAt(0).Before(oldest.forgetAt(0)):
			oldest = t
		}
	}
	if oldest != nil && len(m.state.tokens) >= 2*m.cfg.Limits.Tokens {
		m.drop(oldest)
	}
	return working < m.cfg.Limits.Tokens
}

func (t *token) info() access.TokenInfo {
	return access.TokenInfo{ID: t.id, For: t.forWhom, By: t.by, Created: t.created, Expires: t.expires, Uses: t.uses}
}

func (t *apiToken) info() access.TokenInfo {
	return access.TokenInfo{
		ID: t.id, For: identity.Identity{Kind: identity.User, Name: t.user}, API: true, Name: t.name, By: t.by,
		Created: t.created, Expires: t.expires, LastUse: t.lastUse,
	}
}

// listTokens returns the tokens that work: those of users and agents in the order of
// their creation, then those of the API.
func (m *tokens) listTokens() access.Tokens {
	list := access.Tokens{}
	for _, t := range m.state.tokens {
		if t.works(m.now) {
			list = append(list, t.info())
		}
	}
	for _, t := range m.state.apiTokens {
		if t.expires.IsZero() || m.now.Before(t.expires) {
			list = append(list, t.info())
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		switch {
		case a.API != b.API && b.API:
			return true
		case a.API != b.API:
			return false
		case !a.Created.Equal(b.Created):
			return a.Created.Compare(b.Created) < 0
		}
		return a.ID < b.ID
	})
	return list
}

func (m *tokens) revokeToken(req access.RevokeToken) outcome {
	if t := m.state.apiTokens[req.ID]; t != nil {
		m.drop(t)
		return outcome{answer: access.Done{}, subject: "user/" + t.user + " " + t.id}
	}
	t := m.state.tokens[req.ID]
	if t == nil {
		return refuse(access.NotFound, "there is no token %.40q (zeekfleet token list)", req.ID)
	}
	if !t.works(m.now) {
		return refuse(access.NotFound, "%s", m.whyEnded(t))
	}
	m.endToken(t, revoked)
	return outcome{answer: access.Done{}, subject: t.forWhom.String() + " " + t.id}
}

// endToken ends a token.
func (m *base) endToken(t *token, why end) {
	next := *t
	next.ended, next.endedAt, next.uses = why, m.now, 0
	m.put(&next)
}

// whyEnded says why a token does not work.
func (m *tokens) whyEnded(t *token) string {
	switch t.ended {
	case used:
		return fmt.Sprintf("the token %s has been used, at %s: make another", t.id, identity.Clock(t.endedAt))
	case revoked:
		return fmt.Sprintf("the token %s was revoked, at %s", t.id, identity.Clock(t.endedAt))
	}
	return fmt.Sprintf("the token %s expired at %s: make another", t.id, identity.Clock(t.expires))
}

// redeem takes one use of the token with this text, and returns the token, if it works for
// an identity of this kind. Otherwise it returns a refusal.
func (m *tokens) redeem(text string, kind identity.Kind, theirs time.Time) (*token, *outcome) {
	no := func(why access.Why, format string, args ...any) (*token, *outcome) {
		o := refuse(why, format, args...)
		return nil, &o
	}
	shown, err := identity.ParseToken(text)
	if err != nil {
		return no(access.Unproved, "%v", err)
	}
	if m.ofMain(shown.Authority) == nil {
		return no(access.Unproved, "the token %s is of another cluster, or of an authority that has been replaced: make one on this controller", shown.ID)
	}
	t := m.state.tokens[shown.ID]
	hash := identity.SecretHash(shown.Secret)
	if t == nil || t.authority != shown.Authority || subtle.ConstantTimeCompare(t.secret[:], hash[:]) != 1 {
		return no(access.Unproved, "the token %s is not known here: it is misspelt, or it ended long ago; make another", shown.ID)
	}
	switch {
	case t.forWhom.Kind != kind:
		return no(access.Unproved, "the token %s is %s, and %s", t.id, howToUse[t.forWhom.Kind], cannotUse[kind])
	case !t.works(m.now):
		return no(access.Unproved, "%s", m.whyEnded(t))
	}
	if skew := m.now.Sub(theirs).Abs(); !theirs.IsZero() && skew > m.cfg.MaxSkew {
		return no(access.Unproved, "the clocks differ by %s: that of %s says %s, and the controller's says %s; set the wrong one, and try again with the same token",
			identity.Rough(skew), t.forWhom, identity.Clock(theirs), identity.Clock(m.now))
	}
	if t.uses == 1 {
		m.endToken(t, used)
		return t, nil
	}
	next := *t
	next.uses--
	m.put(&next)
	return t, nil
}

func (m *tokens) createAPIToken(who mgmt.Principal, req access.CreateAPIToken) outcome {
	u := m.state.users[req.User]
	if u == nil {
		return m.unknownUser(req.User)
	}
	if err := identity.CheckName(req.Name); err != nil {
		return refuse(access.Invalid, "the name of the API token: %v", err)
	}
	if req.TTL < 0 {
		return refuse(access.Invalid, "a token cannot work for %v", req.TTL)
	}
	count := 0
	for _, t := range m.state.apiTokens {
		if t.user != req.User {
			continue
		}
		if count++; t.name == req.Name {
			return refuse(access.Conflict, "user %q has an API token %q already: revoke it (zeekfleet token revoke %s), or choose another name", req.User, req.Name, t.id)
		}
	}
	if count >= m.cfg.Limits.APITokens {
		return refuse(access.Limited, "user %q has %d API tokens: revoke some (zeekfleet token list)", req.User, count)
	}
	secret := m.maker.Secret()
	if m.state.tokens[secret.ID] != nil || m.state.apiTokens[secret.ID] != nil {
		return refuse(access.Failed, "the new token has by chance the ID of another token: ask again")
	}
	t := &apiToken{
		id: secret.ID, user: req.User, name: req.Name, secret: identity.SecretHash(secret.Secret), by: who.Name, created: m.now,
	}
	if req.TTL > 0 {
		t.expires = m.now.Add(req.TTL)
	}
	m.put(t)
	return outcome{answer: access.Token{TokenInfo: t.info(), Text: secret.String()}}
}

// listOwn returns the API tokens that work of the user who asks.
func (m *tokens) listOwn(who mgmt.Principal) access.Tokens {
	return slices.DeleteFunc(m.listTokens(), func(t access.TokenInfo) bool { return !t.API || t.For.Name != who.Name })
}

// createOwn makes an API token of the user who asks.
func (m *tokens) createOwn(who mgmt.Principal, req access.CreateOwnToken) outcome {
	u := m.state.users[who.Name]
	switch {
	case u == nil:
		return refuse(access.NotFound, "%q is no user of this controller, and so has no API tokens of its own: an admin can make some for a user (zeekfleet token create --user)", who.Name)
	case u.sso:
		return refuse(access.Conflict, "user %q logs in with single sign-on, and a token would outlive the login: ask an admin for one (zeekfleet token create --user)", who.Name)
	}
	o := m.createAPIToken(who, access.CreateAPIToken{User: who.Name, Name: req.Name, TTL: req.TTL})
	o.subject = userText(who.Name)
	return o
}

// revokeOwn ends an API token of the user who asks.
func (m *tokens) revokeOwn(who mgmt.Principal, req access.RevokeOwnToken) outcome {
	if t := m.state.apiTokens[req.ID]; t == nil || t.user != who.Name {
		return refuse(access.NotFound, "user %q has no API token %.40q (zeekfleet token list --own)", who.Name, req.ID)
	}
	return m.revokeToken(access.RevokeToken(req))
}

// bearerUsed notes the use of an API token.
func (m *tokens) bearerUsed(id string) {
	t := m.state.apiTokens[id]
	if m.deposed || t == nil || m.now.Before(t.lastUse.Add(m.cfg.UseGrain)) {
		return
	}
	next := *t
	next.lastUse = m.now
	m.put(&next)
	if u := m.state.users[t.user]; u != nil {
		m.seen(u)
	}
	m.save(&saving{})
}

// seen notes that a user is there.
func (m *base) seen(u *user) {
	next := *u
	next.lastUse = m.now
	m.put(&next)
}
