package authority

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// Start says that the daemon starts. It is the first event.
	Start struct {
		// Cluster is the ID of a cluster that has none yet.
		Cluster string
		// Name is the name of the controller. Hosts are the names and addresses by which
		// others call it.
		Name  string
		Hosts []string
		// Members are the other controllers of the cluster. Nil means that they are not known
		// yet: all that are stored are kept. An empty list means that there are none.
		Members []Member
	}
	// MembersChanged says who the other controllers of the cluster are now.
	MembersChanged struct{ Members []Member }
	// Request asks for something on behalf of a user. Reply answers it, with its ID.
	Request struct {
		ID  uint64
		Who mgmt.Principal
		Req access.Request
	}
	// BearerUsed says that somebody has shown a valid API token.
	BearerUsed struct{ Token string }
	// CertificateUsed says that somebody has shown a valid certificate, and has its key.
	CertificateUsed struct{ Serial string }

	// Saved answers a Save, as the very next event. An empty Err means success.
	Saved struct{ Err string }
	// Deposed answers a Save, as the very next event. Nothing was saved, because another
	// process has changed the stored state meanwhile.
	Deposed struct{}

	// Tick says that the time that NextWake returned has come.
	Tick struct{}
)

func (Start) isEvent()           {}
func (MembersChanged) isEvent()  {}
func (Request) isEvent()         {}
func (BearerUsed) isEvent()      {}
func (CertificateUsed) isEvent() {}
func (Saved) isEvent()           {}
func (Deposed) isEvent()         {}
func (Tick) isEvent()            {}

// Member is a controller of the cluster.
type Member struct {
	Name string
	// Hosts are the names and addresses by which others call it. Nil keeps those that its
	// certificate has.
	Hosts []string
}

// Maker makes what needs chance or a private key. Its errors mean that the host cannot
// sign.
type Maker interface {
	// Authority makes an authority with a new key.
	Authority(name string, now time.Time, life time.Duration) (identity.Authority, error)
	// Issue signs a certificate.
	Issue(by identity.Authority, leaf identity.Leaf, now time.Time) (*x509.Certificate, error)
	// Key makes a private key.
	Key() (crypto.Signer, error)
	// Secret makes the ID and the secret of a token.
	Secret() identity.APIToken
}
