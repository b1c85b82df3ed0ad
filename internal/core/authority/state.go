package authority

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// State is what an authority remembers. The zero State is that of a cluster without an
// authority. Records are replaced, and never change.
type State struct {
	cluster      *cluster
	owns         map[string]*own    // by the place of the key
	authorities  map[string]*issuer // by KeyHash
	tokens       map[string]*token
	apiTokens    map[string]*apiToken
	users        map[string]*user
	certificates map[string]*certificate // by serial number
	index        *index                  // of certificates
}

// record is a part of the State with a key and a value of its own.
type record interface {
	key() string
	encode() []byte
}

type (
	// cluster names the cluster.
	cluster struct{ id string }

	// issuer is an authority with its key.
	issuer struct {
		identity.Authority
		hash string
		// number counts the authorities of a cluster. The greatest one signs.
		number int
		// nodes says that it signs certificates of nodes alone.
		nodes bool
		// hurried says that users are awaited for a short time alone.
		hurried bool
	}

	// own is the certificate of a controller of the cluster, with its key.
	own struct {
		// place is where it is stored: the name of the controller, or empty for the only
		// controller of a cluster. Programs without clusters of controllers know that place
		// alone.
		place  string
		cert   *x509.Certificate
		signer crypto.Signer
		// awaited is when the controller joined, if it was never in the list of members.
		awaited time.Time
	}

	// token is a token for joining or logging in.
	token struct {
		id      string
		forWhom identity.Identity
		// authority is the KeyHash of the authority that the token names.
		authority        string
		secret           [sha256.Size]byte // hashed
		by               string
		created, expires time.Time
		uses             int // that are left
		// ended says why it no longer works, and when that happened.
		ended   end
		endedAt time.Time
	}

	// apiToken is a token of the API.
	apiToken struct {
		id, user, name   string
		secret           [sha256.Size]byte // hashed
		by               string
		created, expires time.Time // expires is zero for never
		lastUse          time.Time
	}

	user struct {
		name    string
		role    mgmt.UserRole
		created time.Time
		// sso says that a provider of identities vouches for the user, whom it calls
		// subject.
		sso     bool
		subject string
		lastUse time.Time
	}

	// certificate is a certificate that was signed. It does not have the certificate
	// itself, which only the owner needs.
	certificate struct {
		serial          string
		owner           identity.Identity
		issued, expires time.Time
		revoked         time.Time // zero if it is not
		authority       string    // its KeyHash
		hosts           []string
		// sso says that it cannot be renewed: a provider of identities must vouch for its
		// owner anew.
		sso bool
		// from is the serial number of the certificate that was renewed with it, if one was.
		from string
		// used says that somebody has shown it. Nobody asks while there is one authority.
		used bool
	}
)

// end is why a token no longer works.
type end string

const (
	used    end = "used"
	revoked end = "revoked"
)

// valid reports whether a certificate counts.
func (c *certificate) valid(now time.Time) bool { return c.revoked.IsZero() && now.Before(c.expires) }

// forgetAt returns when a certificate need not be remembered any more. life is how long
// certificates live. It is remembered for one life after its end: a clock that is ahead
// for a while must not make the authority forget who was revoked.
func (c *certificate) forgetAt(life time.Duration) time.Time { return c.expires.Add(life) }

// works reports whether a token works.
func (t *token) works(now time.Time) bool { return t.ended == "" && now.Before(t.expires) }

// forgetAt returns when a token need not be remembered any more.
func (t *token) forgetAt(memory time.Duration) time.Time {
	if t.ended != "" {
		return t.endedAt.Add(memory)
	}
	return t.expires.Add(memory)
}

// The keys of records. A name follows those that end with a slash.
const (
	clusterKey      = "cluster"
	ownKey          = "own"
	ownKeys         = "own/"
	authorityKeys   = "ca/"
	tokenKeys       = "token/"
	apiTokenKeys    = "api/"
	userKeys        = "user/"
	certificateKeys = "cert/"
)

func (c *cluster) key() string     { return clusterKey }
func (i *issuer) key() string      { return authorityKeys + i.hash }
func (t *token) key() string       { return tokenKeys + t.id }
func (t *apiToken) key() string    { return apiTokenKeys + t.id }
func (u *user) key() string        { return userKeys + u.name }
func (c *certificate) key() string { return certificateKeys + c.serial }

func (o *own) key() string {
	if o.place == "" {
		return ownKey
	}
	return ownKeys + o.place
}

func newState() State {
	return State{
		owns: map[string]*own{}, authorities: map[string]*issuer{}, tokens: map[string]*token{}, apiTokens: map[string]*apiToken{},
		users: map[string]*user{}, certificates: map[string]*certificate{}, index: newIndex(),
	}
}

// set puts a record in the place of the one with the same key, and returns that. Nil
// means that there is none.
func (s *State) set(key string, r record) (before record) {
	kind, name, named := strings.Cut(key, "/")
	if named {
		kind += "/"
	}
	switch kind {
	case clusterKey:
		return setOne(&s.cluster, r)
	case ownKey:
		return setIn(s.owns, "", r)
	case ownKeys:
		return setIn(s.owns, name, r)
	case authorityKeys:
		return setIn(s.authorities, name, r)
	case tokenKeys:
		return setIn(s.tokens, name, r)
	case apiTokenKeys:
		return setIn(s.apiTokens, name, r)
	case userKeys:
		return setIn(s.users, name, r)
	case certificateKeys:
		before = setIn(s.certificates, name, r)
		s.index.change(before, r)
		return before
	}
	panic(fmt.Sprintf("authority: no record has the key %q", key))
}

// setOne is set for a key that only one record has.
func setOne[R any, P interface {
	*R
	record
}](place *P, r record) (before record) {
	if *place != nil {
		before = *place
	}
	*place = nil
	if r != nil {
		*place = r.(P)
	}
	return before
}

// setIn is set for the records of one kind.
func setIn[R record](m map[string]R, name string, r record) (before record) {
	if was, ok := m[name]; ok {
		before = was
	}
	if r == nil {
		delete(m, name)
		return before
	}
	m[name] = r.(R)
	return before
}
