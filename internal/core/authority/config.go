package authority

import (
	"cmp"
	"crypto/x509"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// Config is what an authority is told about itself. The zero value of every field works.
type Config struct {
	// Foreign are the authorities of an organisation that signs the certificates of this
	// cluster itself. With them, the machine signs nothing, and refuses every request for
	// a certificate.
	Foreign []*x509.Certificate
	// Rules and Pins give an identity to certificates without the URI of the cluster.
	Rules []identity.Rule
	Pins  map[string]identity.Identity

	// Reserved are names that no new user gets: those of the accounts of this host that are
	// admins in any case.
	Reserved []string

	// CertificateLife is the life of the certificates of controllers, agents and users.
	// Zero means identity.LeafLife. The certificates of nodes live as long as their
	// authority.
	CertificateLife time.Duration
	// SSOLife is the life of the certificate of a user who has logged in through single
	// sign-on. Zero means 12 h. It is at most CertificateLife.
	SSOLife time.Duration
	// AuthorityLife is the life of authorities. Zero means identity.AuthorityLife.
	AuthorityLife time.Duration
	// MaxTTL bounds how long a joining token works. Zero means 30 days.
	MaxTTL time.Duration
	// MaxSkew is how much the clock of somebody who joins may differ. Zero means 10 min.
	MaxSkew time.Duration
	// Memory is how long a used, expired or revoked token is remembered, so that a
	// refusal can say why the token no longer works. Zero means 24 h.
	Memory time.Duration
	// Settle is how long an agent has a new certificate until it counts as having moved
	// to a new authority, even if it has not used the certificate. Zero means a tenth of
	// CertificateLife, at most 10 min. In a hurried rotation, users are awaited for as long,
	// after the new authority was made.
	Settle time.Duration
	// AwaitUsers bounds how long users are awaited in a rotation that is not hurried. Zero
	// means CertificateLife.
	AwaitUsers time.Duration
	// UseGrain is how exactly the last use of an API token is kept. Zero means 1 min.
	UseGrain time.Duration
	// AwaitMember is how long the certificate of a controller that has joined is kept although
	// the controller is not in the list of members yet. Zero means 24 h.
	AwaitMember time.Duration
	// RetryDelay is the pause after a save has failed that no request has caused. Zero
	// means 10 s.
	RetryDelay time.Duration

	Limits Limits
}

// Limits bounds what the authority remembers. It refuses what exceeds a limit with an
// error that names the limit.
type Limits struct {
	// Tokens bounds the tokens for joining and logging in that still work. As many again
	// are remembered that no longer work. Zero means 1,000.
	Tokens int
	// Uses bounds the uses of one token. Zero means 1,000.
	Uses int
	// Users bounds the users. Zero means 1,000.
	Users int
	// APITokens bounds the API tokens of one user. Zero means 20.
	APITokens int
	// Certificates bounds the certificates that have not expired, and OneOwner those of
	// one identity. An agent has two, and a third one after each renewal. Zero means 60,000
	// and 64.
	Certificates, OneOwner int
	// Hosts bounds the names and addresses in one certificate, besides those of controllers
	// of the cluster, which ControllerHosts bounds. The controller that decides has all of
	// its own. Zero means 64 and 256.
	Hosts, ControllerHosts int
	// Members bounds the controllers of the cluster. Zero means 16.
	Members int
}

// WithDefaults returns c with defaults in place of zero values.
func (c Config) WithDefaults() Config {
	c.CertificateLife = cmp.Or(c.CertificateLife, identity.LeafLife)
	c.SSOLife = min(cmp.Or(c.SSOLife, 12*time.Hour), c.CertificateLife)
	c.AuthorityLife = cmp.Or(c.AuthorityLife, identity.AuthorityLife)
	c.MaxTTL = cmp.Or(c.MaxTTL, 30*24*time.Hour)
	c.MaxSkew = cmp.Or(c.MaxSkew, 10*time.Minute)
	c.Memory = cmp.Or(c.Memory, 24*time.Hour)
	c.Settle = cmp.Or(c.Settle, min(c.CertificateLife/10, 10*time.Minute))
	c.AwaitUsers = cmp.Or(c.AwaitUsers, c.CertificateLife)
	c.UseGrain = cmp.Or(c.UseGrain, time.Minute)
	c.AwaitMember = cmp.Or(c.AwaitMember, 24*time.Hour)
	c.RetryDelay = cmp.Or(c.RetryDelay, 10*time.Second)
	c.Limits.Tokens = cmp.Or(c.Limits.Tokens, 1000)
	c.Limits.Uses = cmp.Or(c.Limits.Uses, 1000)
	c.Limits.Users = cmp.Or(c.Limits.Users, 1000)
	c.Limits.APITokens = cmp.Or(c.Limits.APITokens, 20)
	c.Limits.Certificates = cmp.Or(c.Limits.Certificates, 60_000)
	c.Limits.OneOwner = cmp.Or(c.Limits.OneOwner, 64)
	c.Limits.Hosts = cmp.Or(c.Limits.Hosts, 64)
	c.Limits.ControllerHosts = cmp.Or(c.Limits.ControllerHosts, 256)
	c.Limits.Members = cmp.Or(c.Limits.Members, 16)
	return c
}
