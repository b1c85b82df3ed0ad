package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// Nothing reaches a program that is not a controller of the known authority, and nobody
// is asked to confirm an authority that has not signed the certificate.
func TestFirstContactWithAController(t *testing.T) {
	authority, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	forged := issue(t, other, "controller/c", now)
	forged.Certificate[1] = authority.Cert.Raw // the right authority, which has signed nothing here
	alone := issue(t, authority, "controller/c", now)
	alone.Certificate = alone.Certificate[:1]
	for name, tc := range map[string]struct {
		shows       tls.Certificate
		client, ask string // the errors of AuthorityClient and of ShownAuthority
	}{
		"the controller":              {issue(t, authority, "controller/c", now), "", ""},
		"another authority":           {issue(t, other, "controller/c", now), "is another one than expected: it shows the authority " + identity.Fingerprint(other.Cert), ""},
		"no authority":                {alone, "it shows no authority", "shows no authority of a cluster"},
		"a leaf that it did not sign": {forged, "none of our authorities has signed the certificate of controller/c", "none of our authorities has signed the certificate of controller/c"},
		"an agent's certificate":      {issue(t, authority, "agent/sensor-1", now), "and is no controller", "and is no controller"},
		"an expired certificate":      {issue(t, authority, "controller/c", now.Add(-time.Hour)), "a clock is wrong by 40m", "a clock is wrong by 40m"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, tc.shows, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"issuer":"https://id.example","client_id":"x","scopes":["openid"]}`)
			})
			client, err := api.AuthorityClient(server.address(), authority.Cert.Equal)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			offer, err := client.SSO(t.Context())
			if fails(t, err, tc.client) {
				if n := server.heard.Load(); n != 0 {
					t.Errorf("the server has heard %d requests", n)
				}
			} else if offer.Issuer != "https://id.example" {
				t.Errorf("got %+v", offer)
			}
			before := server.heard.Load()
			shown, err := api.ShownAuthority(t.Context(), server.address())
			if !fails(t, err, tc.ask) {
				want, err := x509.ParseCertificate(tc.shows.Certificate[1])
				if err != nil || !shown.Equal(want) {
					t.Errorf("shown is %v, %v", shown.Subject, err)
				}
			}
			if server.heard.Load() != before {
				t.Error("the server has heard a request")
			}
		})
	}
}

// fails reports whether there must be an error, and checks the error.
func fails(t *testing.T, err error, want string) bool {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("got %v, want one line with %q", err, want)
	}
	return want != ""
}

func TestFirstContactWithNobody(t *testing.T) {
	if _, err := api.ShownAuthority(t.Context(), porttest.Nobody(t)); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
