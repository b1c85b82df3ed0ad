package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Access makes the requests about who may do what: tokens, users, certificates,
// authorities and the audit. Every Client has one.
type Access struct{ c *caller }

// Tokens returns all tokens, without their secrets.
func (a Access) Tokens(ctx context.Context) ([]Token, error) { return all[Token](ctx, a.c, PathTokens) }

// CreateToken makes a token.
func (a Access) CreateToken(ctx context.Context, in TokenRequest) (t Token, err error) {
	return t, a.c.post(ctx, PathTokens, in, &t)
}

// RevokeToken ends a token of any kind.
func (a Access) RevokeToken(ctx context.Context, id string) error {
	return a.c.delete(ctx, PathTokens, id)
}

// OwnTokens returns the API tokens of the user who asks, without their secrets.
func (a Access) OwnTokens(ctx context.Context) ([]Token, error) {
	return all[Token](ctx, a.c, PathOwnTokens)
}

// CreateOwnToken makes an API token of the user who asks. A request that itself shows an API
// token makes none.
func (a Access) CreateOwnToken(ctx context.Context, in OwnTokenRequest) (t Token, err error) {
	return t, a.c.post(ctx, PathOwnTokens, in, &t)
}

// RevokeOwnToken ends an API token of the user who asks.
func (a Access) RevokeOwnToken(ctx context.Context, id string) error {
	return a.c.delete(ctx, PathOwnTokens, id)
}

// Users returns all users.
func (a Access) Users(ctx context.Context) ([]User, error) { return all[User](ctx, a.c, PathUsers) }

// AddUser makes a user, or gives a known user another login. It returns the login token,
// which has no text if the controller signs no certificates.
func (a Access) AddUser(ctx context.Context, in UserRequest) (t Token, err error) {
	return t, a.c.post(ctx, PathUsers, in, &t)
}

// SetRole changes the role of a user.
func (a Access) SetRole(ctx context.Context, name, role string) error {
	return a.c.do(ctx, request{method: http.MethodPut, path: PathUsers + "/" + url.PathEscape(name), in: RoleRequest{role}}, nil)
}

// RemoveUser ends a user with all certificates and API tokens.
func (a Access) RemoveUser(ctx context.Context, name string) error {
	return a.c.delete(ctx, PathUsers, name)
}

// Certificates returns the certificates that are valid or revoked.
func (a Access) Certificates(ctx context.Context) ([]IssuedCertificate, error) {
	return all[IssuedCertificate](ctx, a.c, PathCertificates)
}

// Sign asks for a certificate of any identity.
func (a Access) Sign(ctx context.Context, in SignRequest) (s Certificate, err error) {
	return s, a.c.post(ctx, PathCertificates, in, &s)
}

// Revoke ends certificates.
func (a Access) Revoke(ctx context.Context, in RevokeRequest) error {
	return a.c.post(ctx, PathCertificates+"/revoke", in, nil)
}

// Authorities returns the authorities that are trusted, the signing one first.
func (a Access) Authorities(ctx context.Context) ([]Authority, error) {
	return all[Authority](ctx, a.c, PathAuthorities)
}

// RotateAuthority makes a new authority, and returns the authorities that are trusted
// now. With now, users are awaited for a few minutes alone.
func (a Access) RotateAuthority(ctx context.Context, now bool) ([]Authority, error) {
	var page Page[Authority]
	path := PathAuthorities
	if now {
		path += "?now=true"
	}
	err := a.c.post(ctx, path, struct{}{}, &page)
	return page.Items, err
}

// Audit returns a part of the audit, oldest first.
func (a Access) Audit(ctx context.Context, q AuditQuery) ([]AuditRecord, error) {
	query := url.Values{}
	if !q.Since.IsZero() {
		query.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.User != "" {
		query.Set("user", q.User)
	}
	if q.After > 0 {
		query.Set("after", strconv.FormatUint(q.After, 10))
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Latest {
		query.Set("latest", "true")
	}
	if q.Wait > 0 {
		query.Set("wait", strconv.Itoa(int(q.Wait/time.Second)))
	}
	var page Page[AuditRecord]
	err := a.c.do(ctx, request{method: http.MethodGet, path: PathAudit, query: query, wait: q.Wait}, &page)
	return page.Items, err
}
