package app_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// fileWith writes a file with a mode, whatever the umask is.
func fileWith(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsOfReceiversAreReadFromFilesOfTheirOwnerAlone(t *testing.T) {
	const key = "0123456789abcdef"
	list, err := app.AlertReceivers([]settings.AlertReceiver{{
		Name: "pager", URLFile: fileWith(t, 0o600, "https://pager.example/secret\n"), KeyFile: fileWith(t, 0o400, key+"\n"),
	}})
	if err != nil || len(list) != 1 || list[0].URL != "https://pager.example/secret" || string(list[0].Key) != key {
		t.Errorf("got %+v, %v", list, err)
	}
	missing := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		r    settings.AlertReceiver
		want string
	}{
		"a URL that the group may read": {settings.AlertReceiver{URLFile: fileWith(t, 0o640, "https://x/secret")}, "has a secret, and others may read it (mode 0640): chmod 600 it"},
		"a key that all may read":       {settings.AlertReceiver{URL: "https://x", KeyFile: fileWith(t, 0o604, key)}, "has a secret, and others may read it (mode 0604): chmod 600 it"},
		"a key that others may write":   {settings.AlertReceiver{URL: "https://x", KeyFile: fileWith(t, 0o602, key)}, "(mode 0602): chmod 600 it"},
		"a short key":                   {settings.AlertReceiver{URL: "https://x", KeyFile: fileWith(t, 0o600, key[1:]+"\n")}, "has fewer than 16 characters"},
		"an empty key":                  {settings.AlertReceiver{URL: "https://x", KeyFile: fileWith(t, 0o600, " \n")}, "is empty"},
		"two lines":                     {settings.AlertReceiver{URLFile: fileWith(t, 0o600, "https://x/secret\nhttps://y")}, "must have one line, with a URL"},
		"no file":                       {settings.AlertReceiver{URLFile: missing}, missing},
		"a directory":                   {settings.AlertReceiver{URL: "https://x", KeyFile: t.TempDir()}, "mode"},
		"too long":                      {settings.AlertReceiver{URL: "https://x", KeyFile: fileWith(t, 0o600, strings.Repeat("x", 4097))}, "too long"},
		"no authority":                  {settings.AlertReceiver{URL: "https://x", CAFile: fileWith(t, 0o644, "nonsense")}, "has no certificate in PEM form"},
		"no file of authorities":        {settings.AlertReceiver{URL: "https://x", CAFile: missing}, missing},
	} {
		c.r.Name = "pager"
		_, err := app.AlertReceivers([]settings.AlertReceiver{c.r})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `receiver "pager" of alerts: `) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		} else if strings.Contains(err.Error(), "secret\n") || strings.Contains(err.Error(), "/secret") || strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error has the secret: %v", name, err)
		}
	}
}

// A receiver with ca_file trusts the authorities in it, and no others.
func TestAReceiverTrustsTheAuthoritiesOfItsFile(t *testing.T) {
	hook := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hook.Close()
	log, err := happenings.Open(happenings.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	authority := func(cert *x509.Certificate) string {
		return fileWith(t, 0o644, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	}
	other, err := identity.NewAuthority("another", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	list, err := app.AlertReceivers([]settings.AlertReceiver{
		{Name: "right", URL: hook.URL, CAFile: authority(hook.Certificate())},
		{Name: "wrong", URL: hook.URL, CAFile: authority(other.Cert)},
		{Name: "none", URL: hook.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	told, err := notify.New(notify.Config{Log: log, Dir: t.TempDir(), Receivers: list})
	if err != nil {
		t.Fatal(err)
	}
	if err := told.Test(t.Context(), "right"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"wrong", "none"} {
		if err := told.Test(t.Context(), name); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
