package sso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Prompt is what a person must do for a login with the command line.
type Prompt struct {
	// URL is the provider's page. Code is what the person enters there.
	URL, Code string
	// Complete, if set, is the page with the code in its address.
	Complete string
	// Ends is when the code ends, or zero.
	Ends time.Time
}

// Device logs in at a provider with the device flow (RFC 8628). It calls show once, and
// waits until the person has confirmed at the provider. It is the command line's half.
func Device(ctx context.Context, to Public, show func(Prompt)) (Tokens, error) {
	if err := CheckURL(to.Issuer); err != nil {
		return Tokens{}, fmt.Errorf("the controller's provider: %w", err)
	}
	client, err := newClient(to.Authorities)
	if err != nil {
		return Tokens{}, fmt.Errorf("the authorities of the controller's provider: %w", err)
	}
	client.Transport = ending(ctx, client.Transport)
	f, err := discover(ctx, client, to.Issuer)
	if err != nil {
		return Tokens{}, orCause(ctx, err)
	}
	if f.DeviceURL == "" {
		return Tokens{}, fmt.Errorf("the provider %s has no login for command lines (device_authorization_endpoint): enable it there, or log in with a token (zeekfleet login --token)", to.Issuer)
	}
	endpoint := f.provider.Endpoint()
	endpoint.DeviceAuthURL = f.DeviceURL
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	flow := oauth2.Config{ClientID: to.ClientID, Endpoint: endpoint, Scopes: to.Scopes}
	ctx = oidc.ClientContext(ctx, client)
	answer, err := flow.DeviceAuth(ctx)
	if err != nil {
		return Tokens{}, orCause(ctx, asked("begin a login", err))
	}
	prompt, err := promptOf(answer)
	if err != nil {
		return Tokens{}, err
	}
	show(prompt)
	return wait(ctx, &flow, answer)
}

// ending returns a RoundTripper whose requests end with ctx: oauth2 begins the device flow
// without the context that it is given.
func ending(ctx context.Context, base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		limited, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		return base.RoundTrip(r.WithContext(limited))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// orCause returns why ctx ended, if it has, and else err.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// promptOf returns what to show to the person.
func promptOf(answer *oauth2.DeviceAuthResponse) (Prompt, error) {
	p := Prompt{answer.VerificationURI, brief(answer.UserCode), answer.VerificationURIComplete, answer.Expiry}
	if !isPage(p.URL) || p.Code == "" {
		return Prompt{}, fmt.Errorf("the provider's page for the login is not an address of the web: %.200q", p.URL)
	}
	if !isPage(p.Complete) {
		p.Complete = ""
	}
	return p, nil
}

func isPage(text string) bool {
	u, err := url.Parse(text) // an address with control characters is an error
	return err == nil && u.Host != "" && protected(u)
}

// wait waits until the person has confirmed. A provider that is away for a moment does
// not end the login.
func wait(ctx context.Context, flow *oauth2.Config, answer *oauth2.DeviceAuthResponse) (Tokens, error) {
	const patience = 15 * time.Minute
	ends := answer.Expiry
	if latest := time.Now().Add(patience); ends.IsZero() || ends.After(latest) {
		ends = latest
	}
	limited, cancel := context.WithDeadline(ctx, ends)
	defer cancel()
	for {
		token, err := flow.DeviceAccessToken(limited, answer)
		switch failed, answered := errors.AsType[*oauth2.RetrieveError](err); {
		case err == nil:
			id, _ := token.Extra("id_token").(string)
			if id == "" {
				return Tokens{}, errors.New("the provider gave no ID token: the scope openid may be missing")
			}
			return Tokens{id, token.AccessToken}, nil
		case ctx.Err() != nil:
			return Tokens{}, context.Cause(ctx)
		case limited.Err() != nil, errors.Is(err, context.DeadlineExceeded) && !isRemote(err), answered && failed.ErrorCode == "expired_token":
			return Tokens{}, errors.New("the login was not confirmed at the provider in time: log in again")
		case answered && failed.ErrorCode == "access_denied":
			return Tokens{}, errors.New("the login was denied at the provider")
		case answered && failed.ErrorCode != "":
			return Tokens{}, asked("wait for the login", err)
		}
		// The provider did not answer, or not as a provider does. The next attempt begins
		// with a pause.
	}
}
