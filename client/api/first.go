package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// AuthorityClient returns a client of somebody who has no token, and knows an authority
// of the controller. It sends nothing unless the other side is a controller with a
// certificate of an authority that knows accepts.
func AuthorityClient(address string, knows func(*x509.Certificate) bool) (*Client, error) {
	address, err := JoinPort(address)
	if err != nil {
		return nil, err
	}
	return New(Config{Address: address, TLS: AuthorityTLS(address, knows)})
}

// AuthorityTLS returns the settings of a client that knows an authority of the controller.
// It believes a controller with a certificate of an authority that knows accepts.
func AuthorityTLS(address string, knows func(*x509.Certificate) bool) *tls.Config {
	return believing(nil, func(chain []*x509.Certificate) error {
		authority := authorityIn(chain, knows)
		if authority == nil {
			return &wrongController{fmt.Sprintf("the controller at %s is another one than expected: %s", address, shownBy(chain))}
		}
		return checkSigned(address, authority, chain, time.Now())
	})
}

// shownBy says which authority a controller shows.
func shownBy(chain []*x509.Certificate) string {
	authority := authorityIn(chain, func(*x509.Certificate) bool { return true })
	if authority == nil {
		return "it shows no authority"
	}
	return "it shows the authority " + identity.Fingerprint(authority)
}

// ShownAuthority connects to a controller, and returns the authority that it shows. The
// controller has proved that this authority has signed its certificate, and nothing else:
// somebody must compare the authority with the controller's own word.
func ShownAuthority(ctx context.Context, address string) (*x509.Certificate, error) {
	address, err := JoinPort(address)
	if err != nil {
		return nil, err
	}
	var shown *x509.Certificate
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: handshakeTimeout},
		Config: believing(nil, func(chain []*x509.Certificate) error {
			shown = authorityIn(chain, func(authority *x509.Certificate) bool {
				return checkSigned(address, authority, chain, time.Now()) == nil
			})
			if shown != nil {
				return nil
			}
			if authority := authorityIn(chain, func(*x509.Certificate) bool { return true }); authority != nil {
				return checkSigned(address, authority, chain, time.Now())
			}
			return &wrongController{fmt.Sprintf("the program at %s shows no authority of a cluster: give the authority's certificate with --cafile", address)}
		}),
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, fmt.Errorf("the controller at %s did not answer within %s", address, handshakeTimeout))
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, (&caller{cfg: Config{Address: address}}).noAnswer(ctx, err)
	}
	return shown, conn.Close()
}

// handshakeTimeout bounds a connection and its handshake.
const handshakeTimeout = 10 * time.Second
