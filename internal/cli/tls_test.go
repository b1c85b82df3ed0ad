package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// stranger returns a certificate that is signed by its own key.
func stranger(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTLSVerifiesTheControllerIfSettingsNameAuthorities(t *testing.T) {
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[0].Exchanges()
	controller := replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}
	server := httptest.NewUnstartedServer(controller.Handler(t))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // would hold the handshakes that the test makes fail
	server.StartTLS()
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "https://")

	dir := t.TempDir()
	write := func(name string, der []byte) string {
		path := filepath.Join(dir, name, "ca.pem")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pemOf(der), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := write("right", server.Certificate().Raw), write("wrong", stranger(t))
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		tls    cli.TLSSettings
		status int
		stderr string // how it begins
	}{
		"its authority in a file":      {cli.TLSSettings{Enable: true, CAFile: right}, cli.StatusDone, ""},
		"its authority in a directory": {cli.TLSSettings{Enable: true, CAPath: filepath.Dir(right)}, cli.StatusDone, ""},
		"another authority": {cli.TLSSettings{Enable: true, CAFile: wrong}, cli.StatusFailed,
			"zeekfleet: socket TLS error in connect() with controller " + address +
				": the certificate is signed by an authority that is not trusted: set ssl.cafile to that authority's\n"},
		"no authority": {cli.TLSSettings{Enable: true}, cli.StatusDone,
			"zeekfleet: warning: nothing verifies that " + address + " is the controller: set ssl.cafile\n"},
		"a file without certificates": {cli.TLSSettings{Enable: true, CAFile: empty}, cli.StatusFailed,
			"zeekfleet: cannot configure connection to " + address + ": there is no certificate in ssl.cafile or ssl.capath\n"},
		"plain text to a TLS port": {cli.TLSSettings{}, cli.StatusFailed, "zeekfleet: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			c := commands(t, address, &stdout, &stderr)
			c.Settings.TLS = tt.tls
			status := c.GetInstances(t.Context())
			said := stderr.String()
			if status != tt.status || !strings.HasPrefix(said, tt.stderr) || (tt.stderr == "") != (said == "") {
				t.Errorf("got status %d, stderr:\n%s\nwant status %d, stderr that begins with:\n%s", status, said, tt.status, tt.stderr)
			}
			if (stdout.Len() > 0) != (status == cli.StatusDone) {
				t.Errorf("stdout: %s", &stdout)
			}
		})
	}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
