package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
	_, _, err = c.ask(ctx, request{method: http.MethodGet, path: PathRoot, host: address})
	if problem, ok := errors.AsType[*Problem](err); ok && problem.Status == http.StatusForbidden {
		return fmt.Errorf("the controller does not go by the name %q and would refuse whoever calls it so: start it with --host-names %s (controller.host_names), or give an address", host, host)
	}
	return err
}

// Health returns nil if all nodes run that should run. Otherwise the error says how many do
// not. Anybody may ask.
func (c *Client) Health(ctx context.Context) error { return c.get(ctx, PathHealth, nil) }

// Live returns nil if the controller serves. Anybody may ask.
func (c *Client) Live(ctx context.Context) error { return c.get(ctx, PathLive, nil) }

// Ready returns nil if the controller can do its work. Otherwise the error says what
// hinders it. Anybody may ask.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, PathReady, nil) }

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
