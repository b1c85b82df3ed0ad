package site_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/site"
)

// The test of the WebSocket server has the cases (TestPagesOfOtherSitesAreForbidden).
// Here, no pair of texts may pass that a foreign page could send: a page that sends its
// Origin can only do so from a host that the request names as well, and that is ours.
func FuzzCheck(f *testing.F) {
	for _, seed := range [][2]string{
		{"127.0.0.1:2149", "http://127.0.0.1:2149"},
		{"sensor.example", "https://sensor.example:443"},
		{"[::1]", "http://[::1]"},
		{"evil.example", "http://evil.example"},
		{"a.fleet.example:1", "null"},
		{"x@localhost", "file://localhost"},
	} {
		f.Add(seed[0], seed[1])
	}
	own := []string{"sensor.example", "*.fleet.example"}
	f.Fuzz(func(t *testing.T, host, origin string) {
		err := site.Check(host, origin, own)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q, %q: the error is not printable ASCII: %q", host, origin, err)
			}
			return
		}
		if origin == "" {
			return
		}
		scheme, rest, ok := strings.Cut(strings.ToLower(origin), "://")
		if !ok || scheme != "http" && scheme != "https" {
			t.Errorf("origin %q passes", origin)
		}
		// The origin names the same host: without its port, one is the other.
		bare := func(text string) string {
			text = strings.ToLower(text)
			if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.ContainsAny(text[i:], "]abcdef") {
				text = text[:i]
			}
			return strings.Trim(text, "[].")
		}
		if got, want := bare(rest), bare(host); got != want {
			t.Errorf("origin %q passes for host %q", origin, host)
		}
	})
}
