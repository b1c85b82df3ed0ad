package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// passphraseOfKeys opens the keys of testdata/keys, which OpenSSL has made. They are keys
// of tests alone.
const passphraseOfKeys = "fünf Worte"

func TestPrivateKeysWithPassphrases(t *testing.T) {
	right := func(context.Context) (string, error) { return passphraseOfKeys, nil }
	wrong := func(context.Context) (string, error) { return "not this one", nil }
	nobody := func(context.Context) (string, error) { return "", errors.New("no terminal") }
	key := func(name string) cli.TLSSettings {
		return cli.TLSSettings{Enable: true, Certificate: "testdata/keys/cert.pem", KeyFile: "testdata/keys/" + name + ".pem"}
	}
	opened := func(s cli.TLSSettings, passphrase string) cli.TLSSettings {
		s.Passphrase = passphrase
		return s
	}
	both := cli.TLSSettings{Enable: true, Certificate: "testdata/keys/both.pem"}
	noKey := cli.TLSSettings{Enable: true, Certificate: "testdata/keys/cert.pem"}
	tests := map[string]struct {
		tls  cli.TLSSettings
		ask  func(context.Context) (string, error)
		want string // the message behind "cannot configure connection to ADDRESS: "
	}{
		"PKCS 8, from the settings":                       {opened(key("pkcs8"), passphraseOfKeys), nil, ""},
		"PKCS 8, from a person":                           {key("pkcs8"), right, ""},
		"PKCS 8, the settings win":                        {opened(key("pkcs8"), passphraseOfKeys), wrong, ""},
		"scrypt":                                          {opened(key("scrypt"), passphraseOfKeys), nil, ""},
		"triple DES":                                      {opened(key("des3"), passphraseOfKeys), nil, ""},
		"the form before OpenSSL 1.0":                     {opened(key("legacy"), passphraseOfKeys), nil, ""},
		"the form before OpenSSL 1.0, from a person":      {key("legacy"), right, ""},
		"certificate and key in one file":                 {both, right, ""},
		"a key that is not encrypted needs no passphrase": {opened(key("plain"), "whatever"), wrong, ""},
		"a key that is not encrypted asks for none":       {key("plain"), nobody, ""},
		"a wrong passphrase":                              {opened(key("pkcs8"), "secret word"), nil, `SSL private key file "testdata/keys/pkcs8.pem": the passphrase does not open it (ssl.passphrase)`},
		"a wrong passphrase for the form before 1.0":      {key("legacy"), wrong, `SSL private key file "testdata/keys/legacy.pem": the passphrase does not open it (ssl.passphrase)`},
		"nobody to ask":                                   {key("pkcs8"), nil, `SSL private key file "testdata/keys/pkcs8.pem": it is encrypted: set ssl.passphrase`},
		"no terminal":                                     {key("pkcs8"), nobody, `SSL private key file "testdata/keys/pkcs8.pem": it is encrypted: set ssl.passphrase, or type it at a terminal: no terminal`},
		"no key":                                          {noKey, nil, `SSL private key file "testdata/keys/cert.pem": there is no private key in it`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, said := showsCertificate(t, tt.tls, tt.ask)
			if tt.want == "" && (got != "CN=client" || said != "") {
				t.Errorf("the controller got the certificate %q, and the command said %q", got, said)
			}
			if want := "cannot configure connection to ADDRESS: " + tt.want + "\n"; tt.want != "" && !strings.HasSuffix(said, want) {
				t.Errorf("said %q, want %q", said, want)
			}
			if strings.Contains(said, "secret word") || strings.Contains(said, passphraseOfKeys) {
				t.Errorf("a message has the passphrase: %s", said)
			}
		})
	}
}

// showsCertificate runs a command against a controller that wants a certificate. It
// returns the subject of the certificate, and what the command said.
func showsCertificate(t *testing.T, s cli.TLSSettings, ask func(context.Context) (string, error)) (subject, said string) {
	t.Helper()
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[0].Exchanges()
	controller := replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}
	server := httptest.NewUnstartedServer(controller.Handler(t))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, VerifyConnection: func(state tls.ConnectionState) error {
		subject = state.PeerCertificates[0].Subject.String()
		return nil
	}}
	server.StartTLS()
	defer server.Close()
	s.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.CAFile, pemOf(server.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(server.URL, "https://")
	var stdout, stderr bytes.Buffer
	c := commands(t, address, &stdout, &stderr)
	c.Settings.TLS, c.AskPassphrase = s, ask
	c.GetInstances(t.Context())
	server.Close() // after this, subject does not change
	return subject, strings.ReplaceAll(stderr.String(), address, "ADDRESS")
}
