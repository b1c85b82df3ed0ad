package sso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Provider is the provider of identities, as one controller uses it. Any goroutine may
// use it.
type Provider struct {
	cfg         Config
	secret      string
	authorities []byte
	client      *http.Client
	pending     *pending
	seen        *seen
	// discovery holds the one discovery. Who takes it may ask the provider, and puts it
	// back.
	discovery chan discovery
}

// New reads the files that cfg names. It does not ask the provider.
func New(cfg Config) (*Provider, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	secret, err := readSecret(cfg.SecretFile)
	if err != nil {
		return nil, err
	}
	var authorities []byte
	if cfg.CAFile != "" {
		if authorities, err = readFile(cfg.CAFile, false); err != nil {
			return nil, fmt.Errorf("read the authorities of single sign-on (controller.sso.ca_file): %w", err)
		}
	}
	client, err := newClient(authorities)
	if err != nil {
		return nil, fmt.Errorf("controller.sso.ca_file: %s: %w", cfg.CAFile, err)
	}
	p := &Provider{
		cfg:         cfg,
		secret:      secret,
		authorities: authorities,
		client:      client,
		pending:     newPending(cfg.MaxPending),
		seen:        newSeen(cfg.MaxSeen),
		discovery:   make(chan discovery, 1),
	}
	p.discovery <- discovery{}
	return p, nil
}

// Public is what a command line needs in order to log in. It holds no secret.
type Public struct {
	Issuer   string
	ClientID string
	Scopes   []string
	// Authorities are those of the provider's certificate in PEM form. Empty means those
	// of the system.
	Authorities []byte
	// Browser says that browsers can log in as well.
	Browser bool
}

// Public returns what everybody may know.
func (p *Provider) Public() Public {
	return Public{
		Issuer:      p.cfg.Issuer,
		ClientID:    p.cfg.CLIClientID,
		Scopes:      slices.Clone(p.cfg.Scopes),
		Authorities: p.authorities,
		Browser:     p.cfg.RedirectURL != "",
	}
}

// Life returns how long a login counts.
func (p *Provider) Life() time.Duration { return p.cfg.Life }

// StartURL returns the address of a path at the host to which the provider sends browsers
// back. It is nil if browsers cannot log in.
func (p *Provider) StartURL(path string) *url.URL {
	if p.cfg.RedirectURL == "" {
		return nil
	}
	u, err := url.Parse(p.cfg.RedirectURL)
	if err != nil {
		return nil // New has parsed it
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}
}

// The pauses of discovery.
const (
	// discoveryLife is how long the provider's description counts. Keys that the
	// provider has withdrawn end with it.
	discoveryLife = time.Hour
	// minPause and maxPause bound the pause after a discovery that failed.
	minPause = time.Second
	maxPause = 30 * time.Second
)

// discovery is what is known of the provider.
type discovery struct {
	// found is nil until the provider has been found.
	found *found
	// err is why the last attempt failed.
	err      error
	failures int
	// next is when the provider is asked again.
	next time.Time
}

// found is what the provider says of itself.
type found struct {
	provider *oidc.Provider
	metadata
	keys oidc.KeySet
}

type metadata struct {
	JWKSURL     string   `json:"jwks_uri"`
	DeviceURL   string   `json:"device_authorization_endpoint"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
}

// find returns what the provider says of itself. Each caller waits until the one before
// it has its answer.
func (p *Provider) find(ctx context.Context) (*found, error) {
	var d discovery
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case d = <-p.discovery:
	}
	defer func() { p.discovery <- d }()
	if now := time.Now(); now.Before(d.next) {
		if d.found == nil {
			return nil, fmt.Errorf("%w; asking again in %v", d.err, max(d.next.Sub(now).Round(time.Second), time.Second))
		}
		return d.found, nil
	}
	f, err := discover(ctx, p.client, p.cfg.Issuer)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx) // the caller left; that says nothing of the provider
	}
	d = d.after(time.Now(), f, err)
	if d.found == nil {
		return nil, d.err
	}
	return d.found, nil
}

// after returns the discovery after an attempt. What was known before counts on if the
// attempt failed.
func (d discovery) after(now time.Time, f *found, err error) discovery {
	if err == nil {
		return discovery{found: f, next: now.Add(discoveryLife)}
	}
	pause := min(minPause<<min(d.failures, 10), maxPause)
	return discovery{found: d.found, err: err, failures: d.failures + 1, next: now.Add(pause)}
}

// discover asks a provider what it says of itself.
func discover(ctx context.Context, client *http.Client, issuer string) (*found, error) {
	ctx = oidc.ClientContext(ctx, client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if mismatch, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return nil, fmt.Errorf("%w: it calls itself %.200q, and controller.sso.issuer is %q: the two must be the same", ErrAway, mismatch.Discovered, issuer)
	}
	if err != nil {
		return nil, away("ask "+issuer+" what it is", err)
	}
	f := found{provider: provider}
	if err := provider.Claims(&f.metadata); err != nil {
		return nil, away("read what "+issuer+" says of itself", err)
	}
	endpoint := provider.Endpoint()
	for _, text := range []string{endpoint.AuthURL, endpoint.TokenURL, f.JWKSURL} {
		if u, err := url.Parse(text); err != nil || u.Host == "" || !protected(u) {
			return nil, fmt.Errorf("%w: it names an address that is none, or has no TLS: %.200q", ErrAway, text)
		}
	}
	f.keys = oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), client), f.JWKSURL)
	f.Algorithms = slices.DeleteFunc(f.Algorithms, func(name string) bool { return !slices.Contains(algorithms, name) })
	return &f, nil
}

// algorithms are those of signatures that count: with a public key, and no other.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// oauth returns the controller's side of the code flow.
func (p *Provider) oauth(f *found) *oauth2.Config {
	endpoint := f.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	post := slices.Contains(f.AuthMethods, "client_secret_post") && !slices.Contains(f.AuthMethods, "client_secret_basic")
	if p.secret == "" || post {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     p.cfg.ClientID,
		ClientSecret: p.secret,
		Endpoint:     endpoint,
		RedirectURL:  p.cfg.RedirectURL,
		Scopes:       p.cfg.Scopes,
	}
}
