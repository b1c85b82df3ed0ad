package sso

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// protected reports whether nobody between can change what comes from a URL.
func protected(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	if u.Scheme != "http" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}

// newClient returns a client for requests to the provider. authorities are those of its
// certificate in PEM form; none means those of the system.
func newClient(authorities []byte) (*http.Client, error) {
	var roots *x509.CertPool
	if len(authorities) > 0 {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(authorities) {
			return nil, errors.New("there is no certificate in PEM form (BEGIN CERTIFICATE)")
		}
	}
	base := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		// Logins are rare, and an idle connection keeps a goroutine.
		DisableKeepAlives: true,
	}
	return &http.Client{
		Transport: guarded{base, timeout},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return fmt.Errorf("the provider sends us on to %.200s, and single sign-on follows nobody", r.URL.Redacted())
		},
	}, nil
}

// guarded makes requests only where nobody between can change the answer. It reads the
// whole answer, which is bounded, so that nothing is open when a caller forgets it.
type guarded struct {
	base    http.RoundTripper
	timeout time.Duration
}

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !protected(r.URL) {
		return nil, fmt.Errorf("the provider names an address without TLS: %.200s", r.URL.Redacted())
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.timeout)
	defer cancel()
	response, err := g.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, g.late(ctx, r, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, g.late(ctx, r, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the provider's answer has more than %d bytes", maxAnswer)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// late returns the error of a request, and names the timeout if that is the reason.
func (g guarded) late(ctx context.Context, r *http.Request, err error) error {
	if ctx.Err() != nil && r.Context().Err() == nil {
		return fmt.Errorf("there was no answer within %v", g.timeout)
	}
	return err
}
