package notify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/notify"
)

// certified returns a certificate of a host that signs itself.
func certified(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestAWebhookIsVerifiedByTheAuthoritiesOfItsReceiver(t *testing.T) {
	for name, c := range map[string]struct {
		certificate string // whose the host has
		trusted     bool
		error       string // empty: it is delivered
	}{
		"its authority":      {"pager", true, ""},
		"another authority":  {"pager", false, "certificate signed by unknown authority"},
		"another one's name": {"else.where", true, "certificate is valid for else.where, not pager"},
		"no printable name":  {"x\x1b[2Jy", true, "x?[2Jy"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
				cert, pool := certified(t, c.certificate)
				if !c.trusted {
					_, pool = certified(t, c.certificate)
				}
				h := newHook(t, n, "pager", &tls.Config{Certificates: []tls.Certificate{cert}})
				r := receiver("pager", h)
				r.TLS = &tls.Config{RootCAs: pool}
				d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{r}})
				fire(t, l, 0, 1)
				synctest.Wait()
				s := d.Receivers()[0]
				if c.error == "" {
					h.wantNodes(t, 0, 1)
					return
				}
				h.wantNone(t)
				if !s.Failing || !strings.Contains(s.Error, c.error) {
					t.Errorf("status %+v, want %q", s, c.error)
				}
			})
		})
	}
}

// An error can have what the receiver has written: parts of the URL, and anything else.
func TestAFailureIsOneLineWithoutSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		err  string
		want string
	}{
		"plain":              {"/x", "connection refused", "connection refused"},
		"not one line":       {"/x", "odd\r\nanswer\x00\x1b[31m\u202e", "odd  answer??[31m?"},
		"the path":           {"/hooks/T0123/B4567", "moved to /hooks/T0123/B4567/", "moved to /…/"},
		"a part of the path": {"/hooks/T0123456", "no team T0123456", "no team …"},
		"escaped":            {"/a%20secret", "no a secret, no a%20secret", "no …, no …"},
		"the query":          {"/x?token=s3cr3t-value", "no s3cr3t-value", "no …"},
		"another query":      {"/x", "see http://pager/x?key=abc for more", "see http://pager/x?… for more"},
		"a short part":       {"/v1/in", "v1 in", "v1 in"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
				r := notify.Receiver{Name: "pager", URL: "http://pager" + c.path}
				d, err := notify.New(notify.Config{Log: l, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New(c.err) }, Receivers: []notify.Receiver{r}})
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Test(t.Context(), "pager"); err == nil || err.Error() != c.want {
					t.Errorf("got %q, want %q", err, c.want)
				}
			})
		})
	}
}

func TestAFailureIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		h.set(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "%zz"+strings.Repeat("x", 10_000))
			w.WriteHeader(302)
			return false
		})
		d, err := notify.New(notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Test(t.Context(), "pager"); err == nil || len(err.Error()) > 500 {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatMayBeSecretInAURL(t *testing.T) {
	got := notify.SecretsOf("https://user:password@host:99/services/T%2F12345/x?token=abcdef&k=v#fragment")
	want := []string{
		"services/T%2F12345/x", "services/T/12345/x", "token=abcdef&k=v", "user:password", "T%2F12345", "fragment", "password", "services", "T/12345", "abcdef",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
