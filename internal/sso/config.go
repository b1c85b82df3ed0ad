package sso

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
)

// Config says which provider vouches for users, and what its words mean.
type Config struct {
	// Issuer is the URL by which the provider calls itself.
	Issuer string
	// ClientID is the provider's name for this controller.
	ClientID string
	// CLIClientID is the provider's name for the command line, which has no secret.
	// Empty means ClientID.
	CLIClientID string
	// SecretFile is a file with the secret of ClientID. Empty means that it has none.
	SecretFile string
	// RedirectURL is the address to which the provider sends a browser back. Empty
	// means that browsers cannot log in.
	RedirectURL string
	// Scopes are what the provider is asked for. Nil means DefaultScopes.
	Scopes []string
	// GroupsClaim and NameClaim are the claims with the groups and the name of a user, and
	// SubjectClaim is the one by which the provider itself knows the user. Empty means
	// DefaultGroupsClaim, DefaultNameClaim and DefaultSubjectClaim.
	GroupsClaim, NameClaim, SubjectClaim string
	// Roles give roles to groups. Nobody else may log in.
	Roles []access.GroupRole
	// CAFile is a PEM file with the authorities that have signed the provider's
	// certificate. Empty means those of the system.
	CAFile string
	// Life is how long a login counts. Zero means DefaultLife.
	Life time.Duration
	// MaxPending bounds the logins that browsers have begun and not ended. Zero means
	// 1024. Beyond that, the source with the most of them loses its oldest.
	MaxPending int
	// MaxSeen bounds the ID tokens of command lines that are remembered, so that none
	// counts twice. Beyond that, nobody can log in so. Zero means 10,000.
	MaxSeen int
}

// The defaults of Config.
const (
	DefaultGroupsClaim  = "groups"
	DefaultNameClaim    = "preferred_username"
	DefaultSubjectClaim = "sub"
	DefaultLife         = 12 * time.Hour
)

// DefaultScopes returns the scopes that every provider knows.
func DefaultScopes() []string { return []string{"openid", "profile", "email"} }

// CallbackPath is the path of Config.RedirectURL.
const CallbackPath = "/api/v1/sso/callback"

// Limits of what the package takes and waits for.
const (
	// PendingLife is how long a browser's login may take.
	PendingLife = 10 * time.Minute
	// freshness is how old the ID token of a command line may be. The command line sends
	// it at once.
	freshness = 10 * time.Minute
	// maxSkew is how far the clocks of provider and controller may differ.
	maxSkew = time.Minute
	// timeout bounds a request to the provider.
	timeout = 10 * time.Second
	// MaxToken bounds a token, in bytes.
	MaxToken = 64 << 10
	// maxSubject bounds the provider's own name for a user, in bytes. OpenID Connect
	// bounds it by 255.
	maxSubject = 255
	// maxAnswer bounds an answer of the provider, in bytes.
	maxAnswer = 1 << 20
	// maxFile bounds the files that Config names, in bytes.
	maxFile = 1 << 20
)

// complete fills in defaults, and returns an error if something cannot be.
func (c *Config) complete() error {
	c.CLIClientID = cmp.Or(c.CLIClientID, c.ClientID)
	c.GroupsClaim = cmp.Or(c.GroupsClaim, DefaultGroupsClaim)
	c.NameClaim = cmp.Or(c.NameClaim, DefaultNameClaim)
	c.SubjectClaim = cmp.Or(c.SubjectClaim, DefaultSubjectClaim)
	c.Life = cmp.Or(c.Life, DefaultLife)
	c.MaxPending = cmp.Or(c.MaxPending, 1024)
	c.MaxSeen = cmp.Or(c.MaxSeen, 10_000)
	if c.Scopes == nil {
		c.Scopes = DefaultScopes()
	}
	if !slices.Contains(c.Scopes, "openid") {
		c.Scopes = append([]string{"openid"}, c.Scopes...)
	}
	switch {
	case c.ClientID == "":
		return errors.New("single sign-on needs the client ID that the provider gave to this controller (controller.sso.client_id)")
	case len(c.Roles) == 0:
		return errors.New("single sign-on needs groups with roles (controller.sso.roles), because nobody could log in without")
	}
	if err := CheckURL(c.Issuer); err != nil {
		return fmt.Errorf("controller.sso.issuer: %w", err)
	}
	if c.RedirectURL != "" {
		if err := CheckRedirectURL(c.RedirectURL); err != nil {
			return fmt.Errorf("controller.sso.redirect_url: %w", err)
		}
	}
	return nil
}

// CheckRedirectURL returns an error if a URL cannot be Config.RedirectURL.
func CheckRedirectURL(text string) error {
	if err := CheckURL(text); err != nil {
		return err
	}
	if u, _ := url.Parse(text); u.Path != CallbackPath {
		return fmt.Errorf("%.200q must have the path %s", text, CallbackPath)
	}
	return nil
}

// CheckURL returns an error if a text is no URL of the web that nobody between can
// change.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%.200q is not a URL such as https://id.example.com", text)
	case !protected(u):
		return fmt.Errorf("%.200q must begin with https://, because anybody on the way could change what comes from there", text)
	}
	return nil
}

// readFile returns a file that Config names. If it is secret, others must not be able to
// read it.
func readFile(path string, secret bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if stat, err := f.Stat(); err != nil {
		return nil, err
	} else if secret && stat.Mode().Perm()&0o004 != 0 {
		return nil, fmt.Errorf("%s: everybody on this host can read it (mode %#o): chmod o-r", path, stat.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxFile)
	}
	return text, nil
}

// readSecret returns the secret in a file. It is empty without a file.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := readFile(path, true)
	secret := string(bytes.TrimSpace(text))
	if err == nil && secret == "" {
		err = fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret of single sign-on (controller.sso.client_secret_file): %w", err)
	}
	return secret, nil
}
