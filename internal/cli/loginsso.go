package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/sso"
)

// LoginSSO gets a user's certificate from a controller through a provider of identities,
// and stores it as a context.
type LoginSSO struct {
	Contexts *Contexts
	Log      *Log
	// Address is the controller's: a host, or host:port.
	Address string
	// Name is the name of the context. Empty means the controller's host.
	Name string
	// Replace overwrites the context of another user with that name.
	Replace bool
	// Fingerprint is that of the controller's authority, and CAFile a PEM file with its
	// certificate. With neither, the authority is that of the context before, or a person
	// is asked.
	Fingerprint, CAFile string
	// Ask asks a person a question, and returns the answer. Nil means that nobody can be
	// asked.
	Ask func(ctx context.Context, question string) (string, error)
}

// Run logs in. It sends nothing to a controller before it knows that it is the right one.
func (l LoginSSO) Run(ctx context.Context) error {
	n, err := l.Contexts.begin(l.Name, l.Address)
	if err != nil {
		return err
	}
	knows, err := l.authority(ctx, n)
	if err != nil {
		return loginMessage(n.address, err)
	}
	client, err := api.AuthorityClient(n.address, knows)
	if err != nil {
		return err
	}
	defer client.Close()
	offer, err := client.SSO(ctx)
	if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status == 404 {
		return fmt.Errorf("the controller at %s has no single sign-on: ask an admin for a token (zeekfleet user add)", n.address)
	}
	if err != nil {
		return loginMessage(n.address, err)
	}
	if offer.Instead != "" {
		return errors.New(offer.Instead)
	}
	tokens, err := sso.Device(ctx, sso.Public{
		Issuer: offer.Issuer, ClientID: offer.ClientID, Scopes: offer.Scopes, Authorities: []byte(offer.Authorities),
	}, l.show)
	if err != nil {
		return err
	}
	signed, err := client.LoginSSO(ctx, api.SSOLoginRequest{IDToken: tokens.ID, AccessToken: tokens.Access, Key: string(n.request)})
	if err != nil {
		return loginMessage(n.address, err)
	}
	n.replace = l.Replace
	user, err := n.store(signed, true)
	if err != nil {
		return err
	}
	n.tell(l.Log, user)
	l.Contexts.learnAfterLogin(ctx, n.name, l.Log)
	l.Log.Notice("the certificate is valid until %s; then log in again", signed.Expires.Local().Format(timeForm))
	return nil
}

// show tells a person what to do at the provider.
func (l LoginSSO) show(p sso.Prompt) {
	l.Log.Notice("open %s in a browser, and enter the code %s", p.URL, p.Code)
	if p.Complete != "" {
		l.Log.Notice("or open %s, and compare the code", p.Complete)
	}
	if p.Ends.IsZero() {
		l.Log.Notice("waiting for the login")
		return
	}
	l.Log.Notice("waiting for the login until %s", p.Ends.Local().Format(timeForm))
}

// fingerprint is how people write that of a certificate.
var fingerprint = lazy.Regexp(`^sha256:[0-9a-f]{64}$`)

// authority returns the function that knows the controller's authority.
func (l LoginSSO) authority(ctx context.Context, n begun) (func(*x509.Certificate) bool, error) {
	switch {
	case l.Fingerprint != "" && l.CAFile != "":
		return nil, usageError("--fingerprint and --cafile exclude each other")
	case l.Fingerprint != "":
		return knowsFingerprint(l.Fingerprint)
	case l.CAFile != "":
		text, err := durable.ReadRegular(l.CAFile, maxCredential)
		if err != nil {
			return nil, fmt.Errorf("read the authority: %w", err)
		}
		return knowsCerts(l.CAFile, text)
	}
	before, err := l.Contexts.Find(n.name)
	if err == nil {
		if certs, err := before.certificates(authoritiesFile); err == nil {
			return knowsOneOf(certs), nil
		}
	} else if !errors.Is(err, ErrNoContext) {
		return nil, err
	}
	return l.confirmed(ctx, n.address)
}

func knowsFingerprint(text string) (func(*x509.Certificate) bool, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if !fingerprint().MatchString(text) {
		return nil, usageError("%s is not a fingerprint: it is sha256: and 64 hex digits; zeekfleet ca show prints it at the controller", quote(text))
	}
	return func(cert *x509.Certificate) bool { return identity.Fingerprint(cert) == text }, nil
}

func knowsCerts(path string, text []byte) (func(*x509.Certificate) bool, error) {
	certs, err := identity.ReadCerts(text)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %s: %w", path, err)
	}
	return knowsOneOf(certs), nil
}

func knowsOneOf(certs []*x509.Certificate) func(*x509.Certificate) bool {
	return func(cert *x509.Certificate) bool { return slices.ContainsFunc(certs, cert.Equal) }
}

// confirmed lets a person compare the authority that the controller shows.
func (l LoginSSO) confirmed(ctx context.Context, address string) (func(*x509.Certificate) bool, error) {
	if l.Ask == nil {
		return nil, usageError("nobody can say whether this is the right controller, because standard input is no terminal: give --fingerprint, which zeekfleet ca show prints at the controller, or --cafile")
	}
	shown, err := api.ShownAuthority(ctx, address)
	if err != nil {
		return nil, err
	}
	l.Log.Notice("nothing here knows the controller at %s; its authority has the fingerprint", address)
	l.Log.Notice("%s", identity.Fingerprint(shown))
	answer, err := l.Ask(ctx, `Does "zeekfleet ca show" print the same at the controller? Then answer yes: `)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(answer) != "yes" {
		return nil, errors.New("not logged in: nobody has confirmed the controller's authority")
	}
	return knowsOneOf([]*x509.Certificate{shown}), nil
}
