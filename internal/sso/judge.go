package sso

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Person is somebody for whom the provider vouches.
type Person struct {
	Name string
	// Role is the highest of the person's groups. It is never mgmt.NoUser.
	Role mgmt.UserRole
	// Subject is the provider with its own name for the person. Nobody else ever gets
	// it.
	Subject string
}

// Tokens are what a provider gives at the end of a login.
type Tokens struct {
	// ID says who the person is, with the provider's signature.
	ID string
	// Access allows asking the provider about the person. It may be empty.
	Access string
}

// expected is what an ID token must match.
type expected struct {
	client string
	// nonce is that of the login. Empty means that the token must have none.
	nonce string
	// fresh is how old the token may be. Zero means that only its end counts.
	fresh time.Duration
}

// judge returns the person of whom the tokens are, and what the ID token says.
func (p *Provider) judge(ctx context.Context, f *found, tokens Tokens, want expected) (Person, *oidc.IDToken, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := f.verify(ctx, p.cfg.Issuer, tokens.ID, want.client)
	if err != nil {
		return Person{}, nil, err
	}
	said := claims{}
	if err := token.Claims(&said); err != nil {
		return Person{}, nil, refuse("the ID token: %s", brief(err.Error()))
	}
	if err := checkToken(time.Now(), token, said, want); err != nil {
		return Person{}, nil, err
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(tokens.Access); err != nil {
			return Person{}, nil, refuse("the access token is not the one that the provider gave with the ID token")
		}
	}
	if tokens.Access != "" && !said.complete(p.cfg) {
		if err := ask(ctx, f, tokens.Access, said); err != nil {
			return Person{}, nil, err
		}
	}
	person, err := p.cfg.person(said)
	return person, token, err
}

// verify checks the signature, the issuer and the audience of an ID token.
func (f *found) verify(ctx context.Context, issuer, raw, client string) (*oidc.IDToken, error) {
	switch {
	case raw == "":
		return nil, refuse("the provider gave no ID token: the scope openid may be missing")
	case len(raw) > MaxToken:
		return nil, refuse("the ID token has more than %d bytes", MaxToken)
	case strings.Count(raw, ".") != 2 || strings.ContainsRune(raw, '{'):
		return nil, refuse("this is not an ID token")
	}
	keys := &noted{KeySet: f.keys}
	token, err := oidc.NewVerifier(issuer, keys, &oidc.Config{
		ClientID:             client,
		SupportedSigningAlgs: f.Algorithms,
		SkipExpiryCheck:      true, // checkToken says more of a wrong clock
	}).Verify(ctx, raw)
	switch {
	case err == nil:
		return token, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case isRemote(keys.err):
		return nil, away("ask for its keys", keys.err)
	}
	return nil, refuse("the ID token does not count: %s", brief(strings.TrimPrefix(err.Error(), "oidc: ")))
}

// noted keeps the error of a set of keys, because oidc makes a text of it.
type noted struct {
	oidc.KeySet
	err error
}

func (n *noted) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := n.KeySet.VerifySignature(ctx, token)
	n.err = err
	return payload, err
}

// checkToken checks what verify does not: times, nonce, and for whom the token was made.
func checkToken(now time.Time, token *oidc.IDToken, said claims, want expected) error {
	party, err := said.text("azp")
	switch {
	case err != nil:
		return refuse("the ID token: %v", err)
	case token.Subject == "":
		return refuse("the ID token does not say of whom it is")
	case party != "" && party != want.client, party == "" && len(token.Audience) > 1:
		return refuse("the ID token was made for another client of the provider")
	case want.nonce == "" && token.Nonce != "":
		return refuse("the ID token is of a login in a browser, and counts only there")
	case subtle.ConstantTimeCompare([]byte(want.nonce), []byte(token.Nonce)) != 1:
		return refuse("the ID token is of another login: log in again")
	}
	return checkTimes(now, token.IssuedAt, token.Expiry, want.fresh)
}

// checkTimes checks when a token was made and when it ends. Its error names the clock if
// the clock is the likely reason.
func checkTimes(now, made, ends time.Time, fresh time.Duration) error {
	clock := identity.Clock(now)
	switch {
	case made.Sub(now) > maxSkew:
		return refuse("the ID token was made at %s, and this controller's clock says %s: one of the two clocks is wrong by %s",
			identity.Clock(made), clock, identity.Rough(made.Sub(now)))
	case now.Sub(ends) > maxSkew:
		return refuse("the ID token expired at %s, and this controller's clock says %s: log in again; if the login was just now, one of the two clocks is wrong by %s or more",
			identity.Clock(ends), clock, identity.Rough(now.Sub(ends)))
	case fresh > 0 && now.Sub(made) > fresh+maxSkew:
		return refuse("the ID token was made at %s, and this controller's clock says %s: it counts for %v only; log in again; if the login was just now, one of the two clocks is wrong",
			identity.Clock(made), clock, fresh)
	}
	return nil
}

// ask asks the provider for what the ID token does not say, and adds it.
func ask(ctx context.Context, f *found, accessToken string, said claims) error {
	if f.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := f.provider.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: accessToken}))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case isRemote(err):
		return away("ask about the user", err)
	case err != nil:
		return refuse("the provider tells nothing about the user: %s", brief(err.Error()))
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return refuse("what the provider tells about the user: %s", brief(err.Error()))
	}
	if err := said.add(more); err != nil {
		return &Refused{err.Error()}
	}
	return nil
}

// person returns who the claims are of, and the role of the groups.
func (c Config) person(said claims) (Person, error) {
	name, err := said.name(c.NameClaim)
	if err != nil {
		return Person{}, &Refused{err.Error()}
	}
	subject, err := said.text(c.SubjectClaim)
	if err == nil && (subject == "" || len(subject) > maxSubject) {
		err = fmt.Errorf("the provider does not say by what it knows the user (claim %q)", c.SubjectClaim)
	}
	if err != nil {
		return Person{}, refuse("user %q: %v", name, err)
	}
	groups, found, err := said.groups(c.GroupsClaim)
	if err != nil {
		return Person{}, refuse("user %q: %v", name, err)
	}
	role := access.HighestRole(c.Roles, groups)
	switch {
	case role == mgmt.NoUser && !found:
		return Person{}, refuse("user %q has no role here: the provider tells no groups (claim %q); an admin can check controller.sso.groups_claim and the client's scopes", name, c.GroupsClaim)
	case role == mgmt.NoUser:
		return Person{}, refuse("user %q has no role here: none of the user's groups (%s) is in controller.sso.roles", name, listed(groups))
	}
	return Person{Name: name, Role: role, Subject: c.Issuer + " " + subject}, nil
}

// listed returns some groups for a person.
func listed(groups []string) string {
	const most = 10
	if len(groups) == 0 {
		return "there is none"
	}
	text := brief(strings.Join(groups[:min(len(groups), most)], ", "))
	if more := len(groups) - most; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// Check returns the person who has logged in at the provider with the command line. The
// tokens count once, and only while the ID token is fresh.
func (p *Provider) Check(ctx context.Context, tokens Tokens) (Person, error) {
	if len(tokens.Access) > MaxToken {
		return Person{}, refuse("the access token has more than %d bytes", MaxToken)
	}
	f, err := p.find(ctx)
	if err != nil {
		return Person{}, err
	}
	person, token, err := p.judge(ctx, f, tokens, expected{client: p.cfg.CLIClientID, fresh: freshness})
	if err != nil {
		return Person{}, err
	}
	var payload json.RawMessage
	if err := token.Claims(&payload); err != nil {
		return Person{}, errors.New("sso: a token that was read has no claims")
	}
	now := time.Now()
	if err := p.seen.once(now, token.IssuedAt.Add(freshness+2*maxSkew), payload); err != nil {
		return Person{}, err
	}
	return person, nil
}
