package browser_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/browser"
)

func TestAxeIsAsReleased(t *testing.T) {
	text, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != browser.AxeSHA256 {
		t.Errorf("it is not that of %s: its SHA-256 is %x", browser.AxeSource, sum)
	}
	licence, err := os.ReadFile("testdata/LICENSE.axe-core.txt")
	if err != nil || !strings.HasPrefix(string(licence), "Mozilla Public License, version 2.0") || browser.AxeLicence != "MPL-2.0" {
		t.Errorf("the licence is not %s: %v", browser.AxeLicence, err)
	}
}

func TestFaultsOfAPageAreFound(t *testing.T) {
	b := browser.Start(t)
	for name, tc := range map[string]struct{ page, want string }{
		"none":                  {`<main><h1>Well</h1><p>It is`, ""},
		"a field without name":  {`<main><h1>Field</h1><input>`, "label, critical"},
		"what nobody can read":  {`<main><h1>Pale</h1><p class="pale">text`, "color-contrast, serious"},
		"a link that says none": {`<main><h1>Link</h1><a href="/"></a>`, "link-name, serious"},
	} {
		t.Run(name, func(t *testing.T) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.Write([]byte(`<!doctype html><html lang="en"><title>x</title><link rel="icon" href="data:,"><style>.pale { color: #ddd; background: #fff }</style><body>` + tc.page))
			}))
			t.Cleanup(site.Close)
			tab := b.Tab(t)
			tab.Go(site.URL)
			got := strings.Join(tab.Faults(), "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
