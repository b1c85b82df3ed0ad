package access

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Answer answers a Request. A Refusal answers any.
type Answer interface{ isAnswer() }

type (
	// Done says that the request was carried out.
	Done struct{}
	// Refusal says why the request was not carried out.
	Refusal struct {
		Why    Why
		Reason string // one line, for a person
	}

	// Token is a token that was made. Text is shown once.
	Token struct {
		TokenInfo
		Text string
		// Instead says how a user proves who it is if there is no token, because an
		// organisation signs the certificates: one line, for a person. Text is then empty.
		Instead string
	}
	// Tokens lists tokens.
	Tokens []TokenInfo

	// Joined is what an agent gets that joins or renews its certificate.
	Joined struct {
		Cluster  string
		Instance string
		// Certificate is the agent's certificate in PEM form. Authorities are the
		// certificates of all authorities that it must trust.
		Certificate, Authorities []byte
		// NodeCertificate and NodeAuthorities are the same for its nodes.
		NodeCertificate, NodeAuthorities []byte
		Expires                          time.Time
	}
	// JoinedController is what a controller gets that joins. Its key is with the certificate
	// in what the controllers of the cluster share, and nowhere else.
	JoinedController struct {
		Cluster, Name, Serial string
		// Certificate is the controller's certificate in PEM form. Authorities are the
		// certificates of all authorities that it must trust.
		Certificate, Authorities []byte
		Expires                  time.Time
	}
	// Certificate is a certificate that was signed.
	Certificate struct {
		Cluster                  string
		Identity                 identity.Identity
		Serial                   string
		Certificate, Authorities []byte // PEM
		Expires                  time.Time
	}
	// Certificates lists certificates.
	Certificates []CertificateInfo
	// Authorities lists authorities, the signing one first.
	Authorities []AuthorityInfo
	// Users lists users.
	Users []UserInfo
)

// Why is the kind of a refusal.
type Why string

// The kinds of refusals.
const (
	Forbidden   Why = "forbidden"   // the principal may not
	Invalid     Why = "invalid"     // the request is wrong
	NotFound    Why = "not found"   // what it names does not exist
	Conflict    Why = "conflict"    // what it makes exists already
	Limited     Why = "limited"     // a limit is reached
	Failed      Why = "failed"      // nothing was saved, or nobody could sign
	Unavailable Why = "unavailable" // this controller has no authority of its own
	Unproved    Why = "unproved"    // the token or the certificate does not count
	Undelivered Why = "undelivered" // somebody else did not take what the request sends
)

// TokenInfo is a token without its secret.
type TokenInfo struct {
	ID string
	// For is who gets a certificate for the token, or acts with an API token.
	For identity.Identity
	// API says that it is an API token. Name is its name.
	API  bool
	Name string
	// By is who made it.
	By               string
	Created, Expires time.Time // Expires is zero for never
	// Uses is how often it still works. It is 0 for an API token.
	Uses    int
	LastUse time.Time // zero for never
}

// CertificateInfo is a certificate that was signed.
type CertificateInfo struct {
	Serial          string
	Identity        identity.Identity
	Issued, Expires time.Time
	// Revoked is when it was revoked, or zero.
	Revoked time.Time
	// Authority is the KeyHash of the authority that signed it.
	Authority string
}

// AuthorityInfo is an authority that is trusted.
type AuthorityInfo struct {
	KeyHash          string
	Fingerprint      string
	Certificate      []byte // in PEM form
	Created, Expires time.Time
	// Signing says that it signs new certificates. Awaited are the identities for which an
	// old authority is kept: they have not moved to the new one yet.
	Signing bool
	Awaited []identity.Identity
	// Renewed are those of Awaited that have a certificate of the new authority, and have
	// not shown it yet. Until is when nobody is awaited any more, at the latest.
	Renewed []identity.Identity
	Until   time.Time
}

// UserInfo is a user.
type UserInfo struct {
	Name    string
	Role    mgmt.UserRole
	Created time.Time
	// SSO says that a provider of identities vouches for the user.
	SSO     bool
	LastUse time.Time // zero for never
}

func (Done) isAnswer()             {}
func (Refusal) isAnswer()          {}
func (Token) isAnswer()            {}
func (Tokens) isAnswer()           {}
func (Joined) isAnswer()           {}
func (JoinedController) isAnswer() {}
func (Certificate) isAnswer()      {}
func (Certificates) isAnswer()     {}
func (Authorities) isAnswer()      {}
func (Users) isAnswer()            {}
