package sso

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
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
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   timeout,
		ResponseHeaderTimeout: timeout,
		// Logins are rare, and an idle connection keeps a goroutine.
		DisableKeepAlives: true,
	}
	return &http.Client{
		Transport: guarded{base},
		Timeout:   timeout,
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return fmt.Errorf("the provider sends us on to %.200s, and single sign-on follows nobody", r.URL.Redacted())
		},
	}, nil
}

// guarded makes requests only where nobody between can change the answer, and bounds
// answers.
type guarded struct{ base http.RoundTripper }

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !protected(r.URL) {
		return nil, fmt.Errorf("the provider names an address without TLS: %.200s", r.URL.Redacted())
	}
	response, err := g.base.RoundTrip(r)
	if err == nil {
		response.Body = &bounded{response.Body, maxAnswer}
	}
	return response, err
}

// bounded is the body of an answer.
type bounded struct {
	io.ReadCloser
	left int // bytes
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return n, fmt.Errorf("the provider's answer has more than %d bytes", maxAnswer)
	}
	return n, err
}
