package web_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// Every user makes, sees and revokes API tokens of its own, on the pages. A request that shows an
// API token makes none.
func TestOwnTokensOnPages(t *testing.T) {
	authority := loggingIn()
	login := authority.answers
	authority.answers = func(req access.Request) access.Answer {
		if _, ok := req.(access.ListOwnTokens); ok {
			return access.Tokens{{ID: "k3f9", API: true, Name: "nightly", For: identity.Identity{Kind: identity.User, Name: "ann"}, By: "ann"}}
		}
		return login(req)
	}
	s := serve(t, web.Config{Authority: authority}, nil)
	session := s.begin("ann") // a viewer
	_, page := s.browse("/account/tokens", session)
	shows(t, page, "API tokens of ann", ">nightly<", `href="/account/tokens/k3f9/revoke"`, `href="/account/tokens/new"`)
	_, page = s.browse("/account/tokens/new", session)
	shows(t, page, `action="/account/tokens/new"`)
	answer, page := s.send("/account/tokens/new", session, url.Values{"name": {" ci "}, "life": {"3600"}})
	if last := authority.requests()[len(authority.requests())-1]; answer.StatusCode != http.StatusOK || last != (access.CreateOwnToken{Name: "ci", TTL: time.Hour}) {
		t.Errorf("got %s, asked for %+v", answer.Status, last)
	}
	shows(t, page, ">zfa-secret<", "This is shown once.", `href="/account/tokens/abc/revoke"`)
	if answer, page := s.send("/account/tokens/new", session, url.Values{"name": {""}, "life": {"x"}}); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a form without a name: got %s: %s", answer.Status, page)
	}
	if answer, _ := s.send("/account/tokens/k3f9/revoke", session, nil); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("revoke: got %s", answer.Status)
	}
	if last := authority.requests()[len(authority.requests())-1]; last != (access.RevokeOwnToken{ID: "k3f9"}) {
		t.Errorf("asked for %+v", last)
	}
	before := len(authority.requests())
	for _, path := range []string{"/account/tokens/new"} {
		answer, page := s.send(path, nil, url.Values{"name": {"x"}, "life": {"0"}}, "Origin: http://"+s.addr, "Authorization: Bearer admin")
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("a form with an API token: got %s: %s", answer.Status, page)
		}
	}
	answer, body := s.ask("POST", "/api/v1/whoami/tokens", "admin", `{"name":"x"}`)
	if answer.StatusCode != http.StatusForbidden || len(authority.requests()) != before {
		t.Errorf("a request with an API token: got %s: %s", answer.Status, body)
	}
	for _, who := range []mgmt.UserRole{mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
		if access.RowOf(access.CreateOwnToken{}).May > who {
			t.Errorf("a %s has no tokens of its own", who)
		}
	}
}
