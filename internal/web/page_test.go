package web_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// browse asks for a page like a browser. session may be nil.
func (s *site) browse(path string, session *http.Cookie, headers ...string) (*http.Response, string) {
	s.t.Helper()
	return s.ask("GET", path, "", "", append(headers, "Accept: text/html,*/*;q=0.8", cookieLine(session))...)
}

// send sends a form of a page like a browser.
func (s *site) send(path string, session *http.Cookie, fields url.Values, headers ...string) (*http.Response, string) {
	s.t.Helper()
	body := fields.Encode()
	if len(headers) == 0 {
		headers = []string{"Origin: http://" + s.addr}
	}
	lines := append([]string{
		"POST " + path + " HTTP/1.1", "Host: " + s.addr, "Connection: close", "Accept: text/html", cookieLine(session),
		"Content-Type: application/x-www-form-urlencoded", fmt.Sprintf("Content-Length: %d", len(body)),
	}, headers...)
	return s.raw(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

func cookieLine(session *http.Cookie) string {
	if session == nil {
		return "X-None: none"
	}
	return "Cookie: " + session.Name + "=" + session.Value
}

func TestLoggingInWithAForm(t *testing.T) {
	authority := loggingIn()
	s := serve(t, web.Config{Authority: authority, Name: "controller-1"}, nil)
	answer, _ := s.browse("/", nil)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/login" {
		t.Errorf("the root: got %s to %s", answer.Status, answer.Header.Get("Location"))
	}
	answer, _ = s.browse("/fleet?role=worker", nil)
	next := answer.Header.Get("Location")
	if answer.StatusCode != http.StatusSeeOther || next != "/login?next=%2Ffleet%3Frole%3Dworker" {
		t.Fatalf("a page: got %s to %s", answer.Status, next)
	}
	answer, page := s.browse(next, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(page, `name="token"`) || strings.Contains(page, "single sign-on") {
		t.Fatalf("the login: got %s: %s", answer.Status, page)
	}
	answer, page = s.send(next, nil, url.Values{"token": {"used"}})
	if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "this token was used before") || len(answer.Cookies()) != 0 {
		t.Errorf("a used token: got %s: %s", answer.Status, page)
	}
	answer, page = s.send(next, nil, url.Values{"token": {" ann "}})
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/fleet?role=worker" || len(answer.Cookies()) != 1 {
		t.Fatalf("a token: got %s %v: %s", answer.Status, answer.Header, page)
	}
	session := answer.Cookies()[0]
	answer, page = s.browse("/fleet", session)
	if answer.StatusCode != http.StatusOK || !strings.Contains(page, ">ann<") || !strings.Contains(page, ">viewer<") || !strings.Contains(page, "controller-1") {
		t.Errorf("the fleet: got %s: %s", answer.Status, page)
	}
	answer, _ = s.send("/logout", session, nil)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/login" || answer.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logging out: got %s", answer.Status)
	}
	if answer, _ := s.browse("/fleet", session); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("after the end of the session: got %s", answer.Status)
	}
}

func TestTheLoginGoesOnToThisSiteAlone(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	for next, want := range map[string]string{
		"/fleet?x=1":                 "/fleet?x=1",
		"https://evil.example/":      "/fleet",
		"//evil.example/":            "/fleet",
		`/\evil.example`:             "/fleet",
		"javascript:alert(1)":        "/fleet",
		"fleet":                      "/fleet",
		"/a\r\nSet-Cookie: x=y":      "/fleet",
		"/%2F%2Fevil.example":        "/%2F%2Fevil.example",
		"":                           "/fleet",
		"/" + strings.Repeat("%", 3): "/fleet",
	} {
		answer, body := s.send("/login?next="+url.QueryEscape(next), nil, url.Values{"token": {"ann"}})
		if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q: got %s to %q, want %q: %s", next, answer.Status, got, want, body)
		}
	}
}

func TestLoginAttemptsOfPagesAreCounted(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn(), Limits: web.Limits{AttemptsBurst: 2}}, nil)
	var got []int
	for range 3 {
		answer, _ := s.send("/login", nil, url.Values{"token": {"used"}})
		got = append(got, answer.StatusCode)
	}
	if fmt.Sprint(got) != "[401 401 429]" {
		t.Errorf("got %d", got)
	}
}

// A browser does not show the session's cookie if it follows a link of another site.
func TestLinksOfOtherSitesFindTheSession(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	cross := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	answer, page := s.browse("/fleet?text=a", nil, cross...)
	if answer.StatusCode != http.StatusOK || !strings.Contains(page, `<meta http-equiv="refresh" content="0; url=/fleet?text=a">`) {
		t.Errorf("got %s: %s", answer.Status, page)
	}
	if answer, _ := s.browse("/fleet?text=a", nil, "Sec-Fetch-Site: same-origin"); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("then: got %s", answer.Status)
	}
}

func TestFormsComeFromPagesOfThisSite(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	session := s.begin("bob")
	for name, tc := range map[string]struct {
		headers []string
		want    int
	}{
		"another site":               {[]string{"Origin: https://evil.example"}, 403},
		"no origin":                  {[]string{"X: y"}, 403},
		"null":                       {[]string{"Origin: null"}, 403},
		"another port":               {[]string{"Origin: http://127.0.0.1:1"}, 403},
		"the browser says cross":     {[]string{"Sec-Fetch-Site: cross-site"}, 403},
		"the browser says this site": {[]string{"Sec-Fetch-Site: same-origin"}, 303},
	} {
		answer, page := s.send("/logout", session, url.Values{}, tc.headers...)
		if answer.StatusCode != tc.want {
			t.Errorf("%s: got %s: %s", name, answer.Status, page)
		}
	}
}

func TestErrorsAreWordsForPeopleAndProblemsForPrograms(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	answer, page := s.browse("/nothing", s.begin("ann"))
	if answer.StatusCode != http.StatusNotFound || !strings.Contains(page, "<h1>There is nothing here</h1>") || !strings.Contains(page, ">ann<") {
		t.Errorf("a person: got %s: %s", answer.Status, page)
	}
	answer, body := s.ask("GET", "/nothing", "viewer", "")
	if answer.StatusCode != http.StatusNotFound || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a program: got %s: %s", answer.Status, body)
	}
	if answer, body := s.browse("/api/v1/nothing", nil); answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the API in a browser: got %s: %s", answer.Status, body)
	}
	if answer, page := s.browse("/fleet", nil, "Origin: https://evil.example"); answer.StatusCode != http.StatusForbidden || !strings.Contains(page, "<h1>You may not do this</h1>") {
		t.Errorf("a refusal: got %s: %s", answer.Status, page)
	}
}

var assetLink = regexp.MustCompile(`/assets/[0-9a-f]+/app\.css`)

func TestAssetsAreKeptByBrowsers(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	_, page := s.browse("/login", nil)
	path := assetLink.FindString(page)
	answer, body := s.browse(path, nil)
	if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") || !strings.Contains(body, ":root") ||
		answer.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Fatalf("%q: got %s %v", path, answer.Status, answer.Header)
	}
	if answer, body := s.browse(path, nil, "If-None-Match: "+answer.Header.Get("ETag")); answer.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("again: got %s", answer.Status)
	}
	if answer, _ := s.browse("/assets/000000000000/app.css", nil); answer.StatusCode != http.StatusNotFound || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an old one: got %s", answer.Status)
	}
}

// pagesOf has the path of each page of a fleet whose instance and node have this name, with the
// lowest role that sees it.
func pagesOf(name string) map[string]mgmt.UserRole {
	instance := "/instances/" + url.PathEscape(name)
	node := instance + "/nodes/" + url.PathEscape(name)
	all := map[string]mgmt.UserRole{
		"/fleet":                               mgmt.Viewer,
		node:                                   mgmt.Viewer,
		node + "/crashes":                      mgmt.Viewer,
		node + "/output":                       mgmt.Operator,
		node + "/diag":                         mgmt.Operator,
		instance + "/crashes/1":                mgmt.Operator,
		"/operate?kind=restart":                mgmt.Operator,
		"/operate?kind=stop&nodes=%40managers": mgmt.Operator,
		"/operations/7":                        mgmt.Viewer,
		"/deployments":                         mgmt.Viewer,
		"/revisions/2":                         mgmt.Viewer,
		"/revisions/3":                         mgmt.Viewer,
		"/deploy":                              mgmt.Operator,
		"/deploy?revision=2":                   mgmt.Operator,
		"/deploy?staged=yes":                   mgmt.Operator,
	}
	maps.Copy(all, morePagesOf(name))
	return all
}

// formsOf has the path of each form with its fields, and the lowest role that may send it.
func formsOf(name string) map[string]form {
	all := map[string]form{
		"/operate":     {url.Values{"kind": {"stop"}, "nodes": {name}}, mgmt.Operator, http.StatusSeeOther},
		"/deploy":      {url.Values{"revision": {"2"}, "seen": {"3"}}, mgmt.Operator, http.StatusSeeOther},
		"/deploy/plan": {url.Values{"text": {`{"instances":[],"nodes":[]}`}}, mgmt.Operator, http.StatusOK},
		"/instances/" + url.PathEscape(name) + "/preflight":                                     {url.Values{"staged": {"yes"}}, mgmt.Operator, http.StatusOK},
		"/instances/" + url.PathEscape(name) + "/nodes/" + url.PathEscape(name) + "/identifier": {url.Values{"id": {name}}, mgmt.Operator, http.StatusOK},
	}
	maps.Copy(all, moreFormsOf(name))
	return all
}

type form struct {
	fields url.Values
	may    mgmt.UserRole
	done   int
}

func TestPagesNeedTheirRole(t *testing.T) {
	s := serveFleetOf(t, "w1")
	for path, may := range pagesOf("w1") {
		for name, who := range users {
			answer, page := s.ask("GET", path, name, "", "Accept: text/html")
			want := http.StatusOK
			if who.Role < may {
				want = http.StatusForbidden
			}
			if answer.StatusCode != want || !strings.Contains(page, "<main") {
				t.Errorf("%s for a %s: got %s, want %d: %s", path, name, answer.Status, want, page)
			}
			if who.Role < mgmt.Operator && want == http.StatusOK && strings.Contains(page, `method="post"`) && !strings.Contains(page, `action="/logout"`) {
				t.Errorf("%s shows a form to a viewer: %s", path, page)
			}
		}
		if answer, _ := s.browse(path, nil); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("%s for nobody: got %s", path, answer.Status)
		}
	}
}

func TestFormsNeedTheirRole(t *testing.T) {
	s := serveFleetOf(t, "w1")
	for path, f := range formsOf("w1") {
		for name, who := range users {
			answer, page := s.send(path, nil, f.fields, "Origin: http://"+s.addr, "Authorization: Bearer "+name)
			want := f.done
			if who.Role < f.may {
				want = http.StatusForbidden
			}
			if answer.StatusCode != want {
				t.Errorf("%s of a %s: got %s, want %d: %s", path, name, answer.Status, want, page)
			}
		}
		for _, from := range []string{"Origin: https://evil.example", "X: no origin"} {
			if answer, _ := s.send(path, nil, f.fields, from, "Authorization: Bearer admin"); answer.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: got %s", path, from, answer.Status)
			}
		}
		if answer, _ := s.send(path, nil, f.fields); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s of nobody: got %s", path, answer.Status)
		}
	}
}

// What a viewer may not do, no page offers.
func TestViewersSeeNoButtons(t *testing.T) {
	s := serveFleetOf(t, "w1")
	for path, may := range pagesOf("w1") {
		if may > mgmt.Viewer {
			continue
		}
		_, page := s.ask("GET", path, "viewer", "", "Accept: text/html")
		for _, bad := range []string{"/operate", "/deploy?", `href="/deploy"`, `method="post"`, "/output", "/diag", "/identifier"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s shows %q to a viewer", path, bad)
			}
		}
	}
}
