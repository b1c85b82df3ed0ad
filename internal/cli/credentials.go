package cli

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// maxCredential bounds each file of a context, in bytes.
const maxCredential = 256 << 10

// Credentials are what a user shows to a controller, and what the controller must show.
type Credentials struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	cluster     string
	authorities []*x509.Certificate
	// told are the names of the authorities whose certificates the controller takes, as
	// it says in the handshake.
	told atomic.Pointer[[][]byte]
}

// Credentials reads the key and the certificates of a context. It refuses a key that
// other users can read.
func (c *Context) Credentials() (*Credentials, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	own, err := c.certificates(certificateFile)
	if err != nil {
		return nil, err
	}
	authorities, err := c.certificates(authoritiesFile)
	if err != nil {
		return nil, err
	}
	if !identity.IsKeyOf(key, own[0]) {
		return nil, c.damaged(errors.New("the key is not that of the certificate"))
	}
	return &Credentials{Key: key, Certificate: own[0], cluster: c.Cluster, authorities: authorities}, nil
}

func (c *Context) key() (crypto.Signer, error) {
	path := filepath.Join(c.Directory, keyFile)
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("context %s: other users can read its key, which is a secret: chmod 600 %s", quote(c.Name), path)
	}
	text, err := durable.ReadRegular(path, maxCredential)
	if err != nil {
		return nil, c.damaged(err)
	}
	key, err := identity.ReadKey(text)
	if err != nil {
		return nil, c.damaged(fmt.Errorf("%s: %w", path, err))
	}
	return key, nil
}

func (c *Context) certificates(name string) ([]*x509.Certificate, error) {
	path := filepath.Join(c.Directory, name)
	text, err := durable.ReadRegular(path, maxCredential)
	if err != nil {
		return nil, c.damaged(err)
	}
	certs, err := identity.ReadCerts(text)
	if err != nil {
		return nil, c.damaged(fmt.Errorf("%s: %w", path, err))
	}
	return certs, nil
}

// damaged returns the error of a context whose files cannot be used.
func (c *Context) damaged(err error) error {
	return fmt.Errorf("context %s: %w: log in again (%s)", quote(c.Name), err, c.loginAgain())
}

// loginAgain returns the command that makes the context anew.
func (c *Context) loginAgain() string {
	if c.SSO {
		return "zeekfleet login " + c.Controller + " --sso"
	}
	return "zeekfleet login " + c.Controller + " --token …"
}

// CheckValid returns an error if the user's certificate is not valid any more.
func (c *Context) CheckValid(own *Credentials, now time.Time) error {
	end := own.Certificate.NotAfter
	switch {
	case !now.After(end):
		return nil
	case c.SSO:
		return fmt.Errorf("context %s: the login of user %s ended at %s: log in again (%s)",
			quote(c.Name), c.User, end.Local().Format(timeForm), c.loginAgain())
	}
	return fmt.Errorf("context %s: the certificate of user %s expired at %s: ask an admin for a new login (zeekfleet user add), and log in again (%s)",
		quote(c.Name), c.User, end.Local().Format(timeForm), c.loginAgain())
}

// timeForm is how commands print a time for a person. It has the zone, because readers
// compare it with times of other hosts.
const timeForm = "2006-01-02 15:04:05 -0700"

// TLS returns the configuration of connections to the controller at address. It believes
// a controller of this cluster alone; host names do not count.
func (own *Credentials) TLS(address string) *tls.Config {
	shown := &tls.Certificate{Certificate: [][]byte{own.Certificate.Raw}, PrivateKey: own.Key, Leaf: own.Certificate}
	trust := api.Trust{Cluster: own.cluster, Authorities: own.authorities}
	cfg := trust.TLS(address, nil)
	cfg.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		own.told.Store(&asked.AcceptableCAs)
		return shown, nil
	}
	return cfg
}

// hearsOfAnother reports whether the controller takes the certificates of an authority
// that is not known here. All authorities of a cluster have the same name.
func (own *Credentials) hearsOfAnother() bool {
	told := own.told.Load()
	if told == nil {
		return false
	}
	known := map[string]int{}
	for _, authority := range own.authorities {
		known[string(authority.RawSubject)]++
	}
	return slices.ContainsFunc(*told, func(name []byte) bool {
		known[string(name)]--
		return known[string(name)] < 0
	})
}

// signedBy reports whether the authority with this identity.KeyHash has signed the
// certificate.
func (own *Credentials) signedBy(keyHash string) bool {
	return slices.ContainsFunc(own.authorities, func(a *x509.Certificate) bool {
		return identity.KeyHash(a) == keyHash && own.Certificate.CheckSignatureFrom(a) == nil
	})
}

// endNear reports whether five sixths of the life of a certificate are over.
func endNear(cert *x509.Certificate, now time.Time) bool {
	return now.After(cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 6))
}

// Renewed stores a new certificate of the context's key, and the authorities of now. It
// changes nothing if they do not fit.
func (c *Context) Renewed(own *Credentials, cert, authorities []byte) error {
	if err := own.fits(c.User, cert, authorities); err != nil {
		return fmt.Errorf("the new certificate is not usable: %w", err)
	}
	unlock, err := lockDirectory(c.Directory, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	// The authorities come first: they include those of the old certificate.
	for _, file := range []struct {
		name string
		text []byte
	}{{authoritiesFile, authorities}, {certificateFile, cert}} {
		path := filepath.Join(c.Directory, file.name)
		if err := durable.Replace(path, path+".new", file.text); err != nil {
			return err
		}
	}
	return nil
}

// fits returns an error unless cert is a certificate of the key, for the user.
func (own *Credentials) fits(user string, cert, authorities []byte) error {
	trusted, err := identity.ReadCerts(authorities)
	if err != nil {
		return fmt.Errorf("its authorities: %w", err)
	}
	chain, err := identity.ReadCerts(cert)
	if err != nil {
		return err
	}
	if !identity.IsKeyOf(own.Key, chain[0]) {
		return errors.New("it is that of another key")
	}
	trust := identity.Trust{Cluster: own.cluster, Authorities: trusted}
	id, err := trust.Judge(chain, chain[0].NotAfter) // whatever this host's clock says
	if want := (identity.Identity{Kind: identity.User, Name: user}); err == nil && id != want {
		err = fmt.Errorf("it is that of %s", id)
	}
	return err
}
