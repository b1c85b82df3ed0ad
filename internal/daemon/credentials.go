package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// Credentials are those of an agent that has joined a cluster. They change while the
// agent runs: it renews its certificate. Any goroutine may use them.
type Credentials struct {
	dir  joined.Dir // empty: they are in memory alone
	held atomic.Pointer[joined.Held]
}

// OpenCredentials reads an agent's credentials. It makes the files for nodes again that
// are missing, or that are of other credentials.
func OpenCredentials(dir joined.Dir) (*Credentials, error) {
	held, err := dir.Load()
	if err != nil {
		return nil, err
	}
	if err := dir.Repair(held); err != nil {
		return nil, err
	}
	c := &Credentials{dir: dir}
	c.held.Store(held)
	return c, nil
}

// KeepCredentials returns credentials that are kept in memory alone. They are for an agent that
// has no files.
func KeepCredentials(held *joined.Held) *Credentials {
	c := &Credentials{}
	c.held.Store(held)
	return c
}

// Held returns the credentials of this moment.
func (c *Credentials) Held() *joined.Held { return c.held.Load() }

// replace makes next the credentials, on disk first.
func (c *Credentials) replace(next joined.Credentials) error {
	held, err := next.Use()
	if err == nil && c.dir != "" {
		err = c.dir.Renew(c.Held().Credentials, next)
	}
	if err != nil {
		return err
	}
	c.held.Store(held)
	return nil
}

// TLS returns how the agent proves who it is, and whom it believes. At loopback
// addresses connections may be plain: the kernel says who is there.
func (c *Credentials) TLS() *bus.TLS {
	return &bus.TLS{
		Certificate: func() (*tls.Certificate, error) { return &c.Held().Pair, nil },
		Judge:       func(chain []*x509.Certificate) (string, error) { return c.judge(chain, time.Now()) },
		Authorities: func() *x509.CertPool {
			held := c.Held()
			return identity.Pool(slices.Concat(held.Trusted, held.NodesTrusted))
		},
		PlainHere: true,
	}
}

// judge returns whose certificate the first of chain is. Nodes before Zeek 8.1 peer with
// their agent, and show it the certificate that nodes of this instance have.
func (c *Credentials) judge(chain []*x509.Certificate, now time.Time) (string, error) {
	held := c.Held()
	id, err := held.Trust().Judge(chain, now)
	if err == nil {
		return id.String(), nil
	}
	if len(held.NodesTrusted) > 0 {
		ofNodes := identity.Trust{Cluster: held.Cluster, Authorities: held.NodesTrusted}
		own := identity.Identity{Kind: identity.Node, Name: held.Instance}
		switch id, nodeErr := ofNodes.Judge(chain, now); {
		case nodeErr == nil && id == own:
			return id.String(), nil
		case nodeErr == nil:
			return "", fmt.Errorf("this is the certificate of %s, and only the nodes of this agent's own instance may connect to it", id)
		}
	}
	return "", err
}

// isController reports whether an identity is that of a controller.
func isController(id string) bool { return strings.HasPrefix(id, string(identity.Controller)+"/") }

// isAgent reports whether an identity is that of an agent.
func isAgent(id string) bool { return strings.HasPrefix(id, string(identity.Agent)+"/") }
