package sso

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Start is the start of a login in a browser.
type Start struct {
	// URL is where the browser goes: to the provider.
	URL string
	// Cookie is what the same browser must bring back, within PendingLife.
	Cookie string
}

// Start begins a login in a browser. source is the address of the browser.
func (p *Provider) Start(ctx context.Context, source string) (Start, error) {
	if p.cfg.RedirectURL == "" {
		return Start{}, refuse("browsers cannot log in here: an admin can set controller.sso.redirect_url; the command line can (zeekfleet login --sso)")
	}
	f, err := p.find(ctx)
	if err != nil {
		return Start{}, err
	}
	state, nonce, cookie, verifier := rand.Text(), rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	now := time.Now()
	p.pending.add(now, state, begun{
		source:   source,
		cookie:   sha256.Sum256([]byte(cookie)),
		nonce:    nonce,
		verifier: verifier,
		ends:     now.Add(PendingLife),
	})
	return Start{
		URL:    p.oauth(f).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)),
		Cookie: cookie,
	}, nil
}

// Finish ends the login of a browser that comes back from the provider with cookie and
// with the query of its address. It returns who logged in.
func (p *Provider) Finish(ctx context.Context, cookie string, query url.Values) (Person, error) {
	login, ok := p.pending.take(time.Now(), query.Get("state"))
	switch issuer := query.Get("iss"); {
	case !ok:
		return Person{}, refuse("this login is unknown here: it took more than %v, it is done already, or the controller was started meanwhile; log in again", PendingLife)
	case !login.isFrom(cookie):
		return Person{}, refuse("this login was begun in another browser: log in again in this one")
	case issuer != "" && issuer != p.cfg.Issuer: // RFC 9207
		return Person{}, refuse("another provider has answered this login")
	case query.Get("error") != "":
		return Person{}, refuse("the provider refused the login: %s", said(query.Get("error"), query.Get("error_description")))
	case query.Get("code") == "":
		return Person{}, refuse("the provider sent no code with the browser: log in again")
	}
	f, err := p.find(ctx)
	if err != nil {
		return Person{}, err
	}
	answer, err := p.oauth(f).Exchange(oidc.ClientContext(ctx, p.client), query.Get("code"), oauth2.VerifierOption(login.verifier))
	if err != nil {
		if ctx.Err() != nil {
			return Person{}, context.Cause(ctx)
		}
		return Person{}, asked("exchange the code", err)
	}
	id, _ := answer.Extra("id_token").(string)
	person, _, err := p.judge(ctx, f, Tokens{id, answer.AccessToken}, expected{client: p.cfg.ClientID, nonce: login.nonce})
	return person, err
}
