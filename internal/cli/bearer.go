package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// The environment variables of a program that shows an API token. EnvFingerprint has the
// fingerprint of the controller's authority.
const (
	EnvAPIToken    = "ZEEKFLEET_API_TOKEN"
	EnvFingerprint = "ZEEKFLEET_FINGERPRINT"
)

// useToken gives s the API token that the sources have. Errors do not repeat the token,
// which is a secret.
func (r *settingsResolver) useToken(s *Settings) error {
	if r.src.AsZeekClient {
		return nil
	}
	where := EnvAPIToken
	text, _ := r.src.LookupEnv(EnvAPIToken)
	if r.src.APITokenFile != "" {
		where = r.src.APITokenFile
		read, err := r.src.ReadFile(r.src.APITokenFile)
		switch {
		case err != nil:
			return fmt.Errorf("read the API token: %w", err)
		case len(read) > maxTokenFile:
			return fmt.Errorf("read the API token: %s: more than %d bytes", where, maxTokenFile)
		case strings.TrimSpace(string(read)) == "":
			return fmt.Errorf("read the API token: %s is empty", where)
		}
		text = string(read)
	}
	if text = strings.TrimSpace(text); text == "" {
		if r.src.Fingerprint != "" {
			return usageError("--fingerprint is for an API token: give one in %s, or in a file with --api-token-file", EnvAPIToken)
		}
		return nil
	}
	if _, err := identity.ParseAPIToken(text); err != nil {
		return usageError("%s: %v", where, err)
	}
	s.Bearer, s.Fingerprint = text, r.src.Fingerprint
	if s.Fingerprint == "" {
		s.Fingerprint, _ = r.src.LookupEnv(EnvFingerprint)
	}
	if s.Fingerprint == "" {
		return nil
	}
	_, err := knowsFingerprint(s.Fingerprint)
	return err
}

// bearerTLS returns the TLS configuration with which an API token is shown to the
// controller at where, host:port. Nil is plain text, for a connection of connectOwn. An
// API token is shown to nobody who is not known to be the controller.
func (c *Commands) bearerTLS(ctx context.Context, where string) (*tls.Config, error) {
	s := c.Settings
	switch {
	case s.Fingerprint != "":
		knows, err := knowsFingerprint(s.Fingerprint)
		if err != nil {
			return nil, err
		}
		return api.AuthorityTLS(where, knows), nil
	case s.Context != nil:
		authorities, err := s.Context.certificates(authoritiesFile)
		if err != nil {
			return nil, err
		}
		return api.Trust{Cluster: s.Context.Cluster, Authorities: authorities}.TLS(where, nil), nil
	case s.TLS.Enable:
		config, err := s.TLS.config(c.passphrase(ctx))
		if err != nil {
			return nil, err
		}
		config.VerifyConnection = func(state tls.ConnectionState) error { return noOtherThanAController(where, state.PeerCertificates) }
		return config, nil
	case api.IsLoopback(where):
		return nil, nil
	}
	return nil, fmt.Errorf("an API token is not sent to %s in plain text: name the authority of the controller with --fingerprint, as zeekfleet ca show prints it there, or set ssl.enable=true and ssl.cafile", where)
}

// noOtherThanAController refuses a certificate of the cluster that is not a controller's:
// that of an agent can have the name of the host that is called.
func noOtherThanAController(where string, chain []*x509.Certificate) error {
	for _, uri := range chain[0].URIs {
		if id, _, ok := identity.FromURI(uri); ok && id.Kind != identity.Controller {
			return fmt.Errorf("the program at %s shows the certificate of %s, and is no controller", where, id)
		}
	}
	return nil
}

// connectOwn connects to a program of root or of this user, on this host.
func connectOwn(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := checkOwn(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func checkOwn(ctx context.Context, conn net.Conn) error {
	const rule = "in plain text an API token is shown only to programs of root and of one's own user"
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not on this host, and %s", conn.RemoteAddr(), rule)
	}
	owner, err := ownerOf(ctx, at, netip.MustParseAddrPort(conn.LocalAddr().String()))
	switch {
	case err != nil:
		return fmt.Errorf("%s, and this host does not say whose program listens at %s: %w", rule, at, err)
	case owner.UID != 0 && int(owner.UID) != os.Getuid():
		return fmt.Errorf("the program at %s is that of user %s, and %s: use TLS, and name the controller's authority with --fingerprint", at, nameOfUser(owner.UID), rule)
	}
	return nil
}

// acceptPause is the pause between two questions about a connection that the program has
// not accepted yet. The kernel does not say whose it is before.
const acceptPause = 5 * time.Millisecond

func ownerOf(ctx context.Context, at, peer netip.AddrPort) (sockowner.Owner, error) {
	again := time.NewTicker(acceptPause)
	defer again.Stop()
	for {
		owner, err := sockowner.Of(at, peer)
		if !errors.Is(err, sockowner.ErrOrphan) {
			return owner, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return sockowner.Owner{}, err
		}
	}
}

func nameOfUser(uid uint32) string {
	text := strconv.FormatUint(uint64(uid), 10)
	if found, err := user.LookupId(text); err == nil {
		return found.Username
	}
	return text
}
