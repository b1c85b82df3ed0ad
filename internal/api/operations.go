package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Root says what one has reached.
func (c *Client) Root(ctx context.Context) (r Root, err error) { return r, c.get(ctx, PathRoot, &r) }

// CheckCalled returns an error if the controller refuses requests that call it by the host
// of address, as others are going to do.
func (c *Client) CheckCalled(ctx context.Context, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil // every controller goes by every address
	}
	_, err = c.ask(ctx, request{method: http.MethodGet, path: PathRoot, host: address})
	if problem, ok := errors.AsType[*Problem](err); ok && problem.Status == http.StatusForbidden {
		return fmt.Errorf("the controller does not go by the name %q and would refuse whoever calls it so: start it with --host-names %s (controller.host_names), or give an address", host, host)
	}
	return err
}

// WhoAmI returns who asks.
func (c *Client) WhoAmI(ctx context.Context) (p Principal, err error) {
	return p, c.get(ctx, PathWhoAmI, &p)
}

// Join asks for the certificates of an agent. Use a client of JoinClient.
func (c *Client) Join(ctx context.Context, in JoinRequest) (j Joined, err error) {
	in.Clock = time.Now().UTC()
	return j, c.post(ctx, PathJoin, in, &j)
}

// Login asks for the certificate of a user. Use a client of JoinClient.
func (c *Client) Login(ctx context.Context, in LoginRequest) (s Certificate, err error) {
	in.Clock = time.Now().UTC()
	return s, c.post(ctx, PathLogin, in, &s)
}

// Renew asks for a new certificate of the identity whose certificate the client shows.
func (c *Client) Renew(ctx context.Context, in RenewRequest) (s Certificate, err error) {
	return s, c.post(ctx, PathRenew, in, &s)
}

// Tokens returns all tokens, without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) { return all[Token](ctx, c, PathTokens) }

// CreateToken makes a token.
func (c *Client) CreateToken(ctx context.Context, in TokenRequest) (t Token, err error) {
	return t, c.post(ctx, PathTokens, in, &t)
}

// RevokeToken ends a token of any kind.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.delete(ctx, PathTokens, id)
}

// Users returns all users.
func (c *Client) Users(ctx context.Context) ([]User, error) { return all[User](ctx, c, PathUsers) }

// AddUser makes a user, or gives a known user another login. It returns the login token,
// which has no text if the controller signs no certificates.
func (c *Client) AddUser(ctx context.Context, in UserRequest) (t Token, err error) {
	return t, c.post(ctx, PathUsers, in, &t)
}

// SetRole changes the role of a user.
func (c *Client) SetRole(ctx context.Context, name, role string) error {
	return c.do(ctx, request{method: http.MethodPut, path: PathUsers + "/" + url.PathEscape(name), in: RoleRequest{role}}, nil)
}

// RemoveUser ends a user with all certificates and API tokens.
func (c *Client) RemoveUser(ctx context.Context, name string) error {
	return c.delete(ctx, PathUsers, name)
}

// Certificates returns the certificates that are valid or revoked.
func (c *Client) Certificates(ctx context.Context) ([]IssuedCertificate, error) {
	return all[IssuedCertificate](ctx, c, PathCertificates)
}

// Sign asks for a certificate of any identity.
func (c *Client) Sign(ctx context.Context, in SignRequest) (s Certificate, err error) {
	return s, c.post(ctx, PathCertificates, in, &s)
}

// Revoke ends certificates.
func (c *Client) Revoke(ctx context.Context, in RevokeRequest) error {
	return c.post(ctx, PathCertificates+"/revoke", in, nil)
}

// Authorities returns the authorities that are trusted, the signing one first.
func (c *Client) Authorities(ctx context.Context) ([]Authority, error) {
	return all[Authority](ctx, c, PathAuthorities)
}

// RotateAuthority makes a new authority, and returns the authorities that are trusted
// now. With now, users are awaited for a few minutes alone.
func (c *Client) RotateAuthority(ctx context.Context, now bool) ([]Authority, error) {
	var page Page[Authority]
	path := PathAuthorities
	if now {
		path += "?now=true"
	}
	err := c.post(ctx, path, struct{}{}, &page)
	return page.Items, err
}

// Audit returns a part of the audit, oldest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) ([]AuditRecord, error) {
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
	err := c.do(ctx, request{method: http.MethodGet, path: PathAudit, query: query, wait: q.Wait}, &page)
	return page.Items, err
}

// Instances returns the connected and the deployed instances.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	return all[Instance](ctx, c, PathInstances)
}

// Nodes returns the nodes of all instances.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) { return all[Node](ctx, c, PathNodes) }

// Configurations describes the staged and the deployed configuration, and those before.
func (c *Client) Configurations(ctx context.Context) ([]Revision, error) {
	return all[Revision](ctx, c, PathConfigurations)
}

// Configuration returns the configuration that is Staged or Deployed.
func (c *Client) Configuration(ctx context.Context, state string) (conf Configuration, err error) {
	return conf, c.get(ctx, PathConfigurations+"/"+url.PathEscape(state), &conf)
}

// Crashes tells how nodes ended by themselves last.
func (c *Client) Crashes(ctx context.Context) ([]Crash, error) {
	return all[Crash](ctx, c, PathCrashes)
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path}, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, request{method: http.MethodPost, path: path, in: in}, out)
}

func (c *Client) delete(ctx context.Context, path, name string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: path + "/" + url.PathEscape(name)}, nil)
}
