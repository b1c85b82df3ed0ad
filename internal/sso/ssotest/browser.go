package ssotest

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Browser is a browser with cookies. It trusts the provider's certificate.
type Browser struct {
	*http.Client
	// Stop, if set, is the beginning of addresses to which the browser does not go. It
	// then returns the redirection.
	Stop string
	// Hosts are addresses of this host by the host:port that the browser is told.
	Hosts map[string]string
	// Trust makes the browser trust another authority. Call it before the browser is used.
	Trust func(*x509.Certificate)
}

// Browser returns a new browser.
func (p *Provider) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{Hosts: map[string]string{}}
	transport := p.server.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, cmp.Or(b.Hosts[address], address))
	}
	t.Cleanup(transport.CloseIdleConnections)
	roots := transport.TLSClientConfig.RootCAs.Clone()
	transport.TLSClientConfig.RootCAs = roots
	b.Trust = roots.AddCert
	b.Client = &http.Client{Transport: transport, Jar: jar}
	b.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if b.Stop != "" && strings.HasPrefix(r.URL.String(), b.Stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

var (
	actionForm = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenForm = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// LogIn goes to an address, and does at the provider what it is asked for: it logs in as
// a user, and consents. It returns the answer after that.
func (b *Browser) LogIn(start, user, password string) (*http.Response, error) {
	answer, err := b.Get(start)
	for range 2 { // the login, and the consent
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return nil, err
		}
		action := actionForm.FindSubmatch(text)
		if action == nil {
			return nil, fmt.Errorf("%s shows no form: %s: %s", answer.Request.URL, answer.Status, text)
		}
		form := url.Values{"username": {user}, "password": {password}}
		for _, field := range hiddenForm.FindAllSubmatch(text, -1) {
			form.Set(string(field[1]), html.UnescapeString(string(field[2])))
		}
		target, err := answer.Request.URL.Parse(string(action[1]))
		if err != nil {
			return nil, err
		}
		if answer, err = b.PostForm(target.String(), form); err != nil {
			return nil, err
		}
	}
	return answer, err
}
