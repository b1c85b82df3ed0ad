package ssotest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// User is somebody whom the provider knows. The password is Password.
type User struct {
	Name   string
	Groups []string
	// Email is verified unless Unverified says otherwise. Empty means none.
	Email      string
	Unverified bool
}

// Password is the password of every user.
const Password = "correct horse"

// The clients of a provider. Web has Secret; CLI has none, and may use the device flow.
// Terse is as CLI, and its ID tokens say nothing of the user.
const (
	Web, Secret = "fleet", "s3cr&t +%"
	CLI         = "fleet-cli"
	Terse       = "fleet-terse"
)

// store is what the provider knows. The embedded one keeps logins and tokens.
type store struct {
	*storage.Storage
	redirect string

	mu    sync.Mutex
	users map[string]User // by subject
	key   signingKey
}

func newStore(redirect string, users []User) (*store, error) {
	s := &store{redirect: redirect, users: map[string]User{}}
	for _, user := range users {
		s.users["sub-"+user.Name] = user
	}
	s.Storage = storage.NewStorageWithClients(known{s}, map[string]*storage.Client{
		Web:   storage.WebClient(Web, Secret, redirect),
		CLI:   storage.NativeClient(CLI, redirect),
		Terse: storage.NativeClient(Terse, redirect),
	})
	return s, s.newKey("key-1")
}

// known is the store as the embedded one sees it.
type known struct{ s *store }

func (k known) GetUserByID(id string) *storage.User {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	user, ok := k.s.users[id]
	if !ok {
		return nil
	}
	return &storage.User{ID: id, Username: user.Name, Password: Password, Email: user.Email, EmailVerified: !user.Unverified}
}

func (k known) GetUserByUsername(name string) *storage.User { return k.GetUserByID("sub-" + name) }

func (k known) ExampleClientID() string { return storage.ServiceUserID }

func (s *store) set(user User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users["sub-"+user.Name] = user
}

// client differs from the embedded one in what it may do.
type client struct {
	op.Client
	loquacious bool
	grants     []oidc.GrantType
}

func (c client) GrantTypes() []oidc.GrantType         { return append(c.grants, c.Client.GrantTypes()...) }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return c.loquacious }
func (c client) LoginURL(id string) string            { return "/login?id=" + id }
func (c client) IDTokenLifetime() time.Duration       { return 5 * time.Minute }

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	known, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	c := client{Client: known, loquacious: id != Terse}
	if id != Web {
		c.grants = []oidc.GrantType{oidc.GrantTypeDeviceCode}
	}
	return c, nil
}

func (s *store) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	if err := s.Storage.SetUserinfoFromRequest(ctx, info, r, scopes); err != nil {
		return err
	}
	if slices.Contains(scopes, oidc.ScopeProfile) { // removed from a terse token
		s.addGroups(info, r.GetSubject())
	}
	return nil
}

func (s *store) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	s.addGroups(info, subject)
	return nil
}

func (s *store) addGroups(info *oidc.UserInfo, subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if groups := s.users[subject].Groups; groups != nil {
		info.AppendClaims("groups", groups)
	}
}

// signingKey is the provider's key, private and public.
type signingKey struct {
	id  string
	key *ecdsa.PrivateKey
}

type publicKey struct{ signingKey }

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) ID() string                                  { return k.id }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.key.Public() }

// newKey makes a key by which the provider signs from now on. The one before no longer
// counts.
func (s *store) newKey(id string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = signingKey{id, key}
	return err
}

func (s *store) current() signingKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

func (s *store) SigningKey(context.Context) (op.SigningKey, error) { return s.current(), nil }
func (s *store) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.current()}}, nil
}
func (s *store) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// confirm ends a device's login.
func (s *store) confirm(ctx context.Context, code, name, password string, allow bool) error {
	if err := s.CheckUsernamePasswordSimple(name, password); err != nil {
		return err
	}
	if _, err := s.GetDeviceAuthorizationByUserCode(ctx, code); err != nil {
		return errors.New("there is no such code")
	}
	if !allow {
		return s.DenyDeviceAuthorization(ctx, code)
	}
	return s.CompleteDeviceAuthorization(ctx, code, "sub-"+name)
}
