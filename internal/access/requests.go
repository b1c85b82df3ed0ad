package access

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Request is an administrative request. The authority of a cluster answers it. Each type
// has a row in the table of this package.
type Request interface{ isRequest() }

type (
	// CreateToken asks for a joining token of an agent or of a controller. The answer is a
	// Token.
	CreateToken struct {
		// Instance is the agent that joins, and Controller the controller. One is empty.
		Instance, Controller string
		// TTL is how long the token works. Zero means DefaultTTL.
		TTL time.Duration
		// Uses is how often the token works. Zero means once.
		Uses int
	}
	// ListTokens asks for all tokens: for joining, for logging in, and of the API. The
	// answer is Tokens.
	ListTokens struct{}
	// RevokeToken ends a token of any of these kinds. The answer is Done.
	RevokeToken struct{ ID string }

	// Join asks for the certificates of an agent. The token proves that the asker may
	// have them; nobody needs a role for it. The answer is Joined.
	Join struct {
		Token string
		// Key and NodeKey are signing requests in PEM form: one for the agent, one for its
		// nodes. NodeKey may be empty.
		Key, NodeKey []byte
		// Instance is the name that the agent expects. A token for another name is refused,
		// and stays unused. Empty means any.
		Instance string
		// Replace says that an agent that has joined with the name gives it up: its
		// certificates are revoked.
		Replace bool
		// Clock is the asker's time. Zero means that it did not say.
		Clock time.Time
	}
	// JoinController asks for the place of a controller in the cluster. The token proves that
	// the asker may have it; nobody needs a role for it. The answer is JoinedController.
	JoinController struct {
		Token string
		// Name is the name that the controller has. A token for another name is refused, and
		// stays unused. Empty means any.
		Name string
		// Hosts are the DNS names and IP addresses in its certificate.
		Hosts []string
		// Clock is the asker's time. Zero means that it did not say.
		Clock time.Time
	}
	// Sign asks for a certificate of any identity. The answer is Certificate.
	Sign struct {
		Identity identity.Identity
		// Key is a signing request in PEM form.
		Key []byte
		// Hosts are the DNS names and IP addresses in the certificate.
		Hosts []string
		// Life zero means the life of its kind.
		Life    time.Duration
		Replace bool
	}
	// Renew asks for a new certificate of the identity whose certificate the asker has
	// shown. The answer is Joined for an agent, and Certificate otherwise.
	Renew struct {
		Identity identity.Identity
		// Serial is that of the certificate that was shown.
		Serial       string
		Key, NodeKey []byte
	}
	// ListCertificates asks for the certificates that are valid or revoked. The answer is
	// Certificates.
	ListCertificates struct{}
	// RevokeCertificate ends certificates: that with the serial number, or all of an
	// identity. The answer is Done.
	RevokeCertificate struct {
		Serial   string
		Identity identity.Identity
	}
	// RotateAuthority makes a new authority, which signs from now on. The old one is
	// trusted until every agent has a certificate of the new one, and for users until they
	// have renewed or their certificates end. With Now, users are awaited for a few minutes
	// alone, also in a rotation that has begun. The answer is Authorities.
	RotateAuthority struct{ Now bool }
	// ListAuthorities asks for the authorities that are trusted. The answer is
	// Authorities.
	ListAuthorities struct{}

	// AddUser makes a user, or gives a known user another login. The answer is a Token. It
	// has no text if an organisation signs the certificates of this cluster.
	AddUser struct {
		Name string
		Role mgmt.UserRole
		TTL  time.Duration
	}
	// SetRole changes the role of a user. The answer is Done.
	SetRole struct {
		Name string
		Role mgmt.UserRole
	}
	// RemoveUser ends a user with all certificates and API tokens. The answer is Done.
	RemoveUser struct{ Name string }
	// ListUsers asks for all users. The answer is Users.
	ListUsers struct{}
	// Login asks for the certificate of a user. The token proves who asks. The answer is
	// Certificate; without Key, which is for sessions of browsers, its texts are empty.
	Login struct {
		Token string
		Key   []byte
		Clock time.Time
	}
	// LoginSSO says that a provider of identities has proved who asks. Only the program
	// itself makes this request. The answer is Certificate; without Key its texts are
	// empty. A name that a local user has, or that another Subject has, is a Conflict.
	// The certificate cannot be renewed: the user logs in again.
	LoginSSO struct {
		Name string
		Role mgmt.UserRole // of the user's groups
		// Subject is the provider's own name for the user. Nobody else ever gets it,
		// while Name may change hands.
		Subject string
		// Life is how long the certificate is valid. Zero means the life of its kind.
		Life time.Duration
		Key  []byte
	}

	// CreateAPIToken asks for an API token of a user. The answer is a Token.
	CreateAPIToken struct {
		User string
		Name string
		TTL  time.Duration // zero means that it does not expire
	}

	// ListOwnTokens asks for the API tokens of the user who asks. The answer is Tokens.
	ListOwnTokens struct{}
	// CreateOwnToken asks for an API token of the user who asks. A user of single sign-on gets
	// none, because the token would outlive the login. The answer is a Token.
	CreateOwnToken struct {
		Name string
		TTL  time.Duration // zero means that it does not expire
	}
	// RevokeOwnToken ends an API token of the user who asks. The answer is Done.
	RevokeOwnToken struct{ ID string }
)

func (CreateToken) isRequest()       {}
func (ListTokens) isRequest()        {}
func (RevokeToken) isRequest()       {}
func (Join) isRequest()              {}
func (JoinController) isRequest()    {}
func (Sign) isRequest()              {}
func (Renew) isRequest()             {}
func (ListCertificates) isRequest()  {}
func (RevokeCertificate) isRequest() {}
func (RotateAuthority) isRequest()   {}
func (ListAuthorities) isRequest()   {}
func (AddUser) isRequest()           {}
func (SetRole) isRequest()           {}
func (RemoveUser) isRequest()        {}
func (ListUsers) isRequest()         {}
func (Login) isRequest()             {}
func (LoginSSO) isRequest()          {}
func (CreateAPIToken) isRequest()    {}
func (ListOwnTokens) isRequest()     {}
func (CreateOwnToken) isRequest()    {}
func (RevokeOwnToken) isRequest()    {}

// DefaultTTL is how long a joining token works, unless the request says otherwise.
const DefaultTTL = time.Hour
