package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AuthorityConfig has the settings of an Authority.
type AuthorityConfig struct {
	// Directory is the controller's directory. The authority keeps its state there, in
	// authority.db.
	Directory string
	// Name is the name of the controller. Hosts are the DNS names and the IP addresses in
	// the controller's own certificate.
	Name  string
	Hosts []string
	// Rules and Pins give an identity to certificates that the authority has not signed.
	Rules []identity.Rule
	Pins  map[string]identity.Identity
	// CertificateLife is the life of certificates, except those of nodes. Zero means
	// identity.LeafLife.
	CertificateLife time.Duration
	// Audit keeps a record before the request that it is about is answered. Nil discards
	// the records.
	Audit func(mgmt.AuditRecord)
	// SaveTimeout bounds a save. Zero means 5 s.
	SaveTimeout time.Duration
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
}

// Authority is the authority of a cluster, in this process: it knows who may do what, and
// signs certificates.
type Authority struct{ cfg AuthorityConfig }

// errNotBuilt is the error of everything that is still to come.
var errNotBuilt = errors.New("this controller has no authority yet")

// OpenAuthority reads authority.db in the controller's directory, or makes the cluster's
// authority there.
func OpenAuthority(ctx context.Context, cfg AuthorityConfig) (*Authority, error) {
	return &Authority{cfg}, nil
}

// Run runs the authority until ctx is done, and returns the cause of ctx then.
func (a *Authority) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Close closes an authority that is not run.
func (a *Authority) Close() error { return nil }

// Ask makes a request on behalf of a user. A refusal is an answer, too. The error says
// that ctx is done, or that the authority has ended. Any goroutine may call Ask.
func (a *Authority) Ask(ctx context.Context, who mgmt.Principal, req access.Request) (access.Answer, error) {
	return access.Refusal{Why: access.Unavailable, Reason: errNotBuilt.Error()}, nil
}

// Directory returns what the authority believes of everybody now. Any goroutine may call
// Directory.
func (a *Authority) Directory() *access.Directory {
	return &access.Directory{Trust: &identity.Trust{Rules: a.cfg.Rules, Pins: a.cfg.Pins}}
}

// Changed calls f after each change of the Directory, until stop is called. f must not
// wait, and must not call Ask.
func (a *Authority) Changed(f func(*access.Directory)) (stop func()) { return func() {} }

// Bearer returns the user who acts with an API token. Its error is for that user.
func (a *Authority) Bearer(text string) (mgmt.Principal, error) {
	return mgmt.Principal{}, errNotBuilt
}

// Certificate returns the controller's own certificate, with that of its authority.
func (a *Authority) Certificate() (*tls.Certificate, error) { return nil, errNotBuilt }

// Judge returns whose certificate the first of a chain is, such as "agent/sensor-1". The
// owner must have proved that it has the key.
func (a *Authority) Judge(chain []*x509.Certificate) (string, error) {
	id, err := a.Directory().Trust.Judge(chain, time.Now())
	if err != nil {
		return "", err
	}
	return id.String(), nil
}
