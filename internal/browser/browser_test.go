package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/browser"
)

func TestATabRemembersWhatWentWrong(t *testing.T) {
	b := browser.Start(t)
	for name, tc := range map[string]struct{ page, policy, want string }{
		"nothing":               {`<p>well`, "default-src 'none'", ""},
		"an error of a script":  {`<script>nothing.there()</script>`, "script-src 'unsafe-inline'", "exception: "},
		"an error in console":   {`<script>console.error("oh", 1)</script>`, "script-src 'unsafe-inline'", `console: "oh" 1`},
		"what the policy stops": {`<script>document.title = "x"</script>`, "script-src 'none'", "Content Security Policy"},
		"a style of an element": {`<p style="color: red">`, "default-src 'none'", "Content Security Policy"},
		"an answer of an error": {`<img src="/missing">`, "img-src 'self'", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Security-Policy", tc.policy+"; img-src 'self' data:")
				w.Header().Set("Content-Type", "text/html")
				w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><body>` + tc.page))
			}))
			t.Cleanup(site.Close)
			tab := b.Tab(t)
			tab.Allow(" ") // whatever it is
			tab.Go(site.URL)
			tab.Wait("document.readyState == 'complete'")
			tab.Hear(tc.want)
			if got := strings.Join(tab.Heard(), "\n"); tc.want == "" && got != "" {
				t.Errorf("got %q, want nothing", got)
			}
			if left := tab.Problems(); len(left) > 0 {
				t.Errorf("what is allowed is a problem: %q", left)
			}
		})
	}
}
