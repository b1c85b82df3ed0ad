package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// begin begins a session and returns its cookie.
func (s *site) begin(token string) *http.Cookie {
	s.t.Helper()
	answer, body := s.ask("POST", "/api/v1/session", "", `{"token":"`+token+`"}`)
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		s.t.Fatalf("begin a session: got %s: %s", answer.Status, body)
	}
	return answer.Cookies()[0]
}

// me asks who the user of a session is.
func (s *site) me(cookie *http.Cookie) (int, api.Principal) {
	s.t.Helper()
	answer, body := s.ask("GET", "/api/v1/whoami", "", "", "Cookie: "+cookie.Name+"="+cookie.Value)
	var p api.Principal
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer.StatusCode, p
}

// loggingIn is an authority that takes the name of a user for a login token.
func loggingIn() *office {
	o := &office{roles: map[string]mgmt.UserRole{"ann": mgmt.Viewer, "bob": mgmt.Admin}}
	o.answers = func(req access.Request) access.Answer {
		login, ok := req.(access.Login)
		switch {
		case !ok:
			return nil
		case login.Token == "used":
			return access.Refusal{Why: access.Unproved, Reason: "this token was used before"}
		}
		return access.Certificate{Identity: identity.Identity{Kind: identity.User, Name: login.Token}}
	}
	return o
}

func TestSession(t *testing.T) {
	authority := loggingIn()
	s := serve(t, web.Config{Authority: authority}, nil)
	cookie := s.begin("ann")
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" ||
		!strings.HasPrefix(cookie.Name, "__Host-") || cookie.MaxAge != 12*60*60 {
		t.Errorf("the cookie is %+v", cookie)
	}
	if status, p := s.me(cookie); status != http.StatusOK || p.Name != "ann" || p.Role != "viewer" || !strings.HasPrefix(p.Source, "127.0.0.1:") {
		t.Errorf("got %d, %+v", status, p)
	}
	authority.setRole("ann", mgmt.Operator)
	if status, p := s.me(cookie); status != http.StatusOK || p.Role != "operator" {
		t.Errorf("with a new role: got %d, %+v", status, p)
	}
	answer, _ := s.ask("DELETE", "/api/v1/session", "", "", "Cookie: "+cookie.Name+"="+cookie.Value)
	if answer.StatusCode != http.StatusNoContent || len(answer.Cookies()) != 1 || answer.Cookies()[0].MaxAge >= 0 {
		t.Errorf("end the session: got %s, %v", answer.Status, answer.Cookies())
	}
	if status, _ := s.me(cookie); status != http.StatusUnauthorized {
		t.Errorf("after its end: got %d", status)
	}
}

func TestRefusedLogins(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	for token, want := range map[string]string{"used": "this token was used before", "stranger": `user \"stranger\" is unknown here`} {
		answer, body := s.ask("POST", "/api/v1/session", "", `{"token":"`+token+`"}`)
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, want) || len(answer.Cookies()) != 0 {
			t.Errorf("%s: got %s: %s", token, answer.Status, body)
		}
	}
}

// A user who was removed and added again has no session from before.
func TestSessionsEndWithTheirUser(t *testing.T) {
	authority := loggingIn()
	s := serve(t, web.Config{Authority: authority}, nil)
	ann, bob := s.begin("ann"), s.begin("bob")
	authority.setRole("ann", mgmt.NoUser)
	authority.setRole("ann", mgmt.Admin)
	if status, _ := s.me(ann); status != http.StatusUnauthorized {
		t.Errorf("ann: got %d", status)
	}
	if status, _ := s.me(bob); status != http.StatusOK {
		t.Errorf("bob: got %d", status)
	}
}

func TestRevocationEndsSessions(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	ann, bob := s.begin("ann"), s.begin("bob")
	if answer, body := s.ask("POST", "/api/v1/certificates/revoke", "admin", `{"identity":"user/ann"}`); answer.StatusCode != http.StatusNoContent {
		t.Fatalf("got %s: %s", answer.Status, body)
	}
	if status, _ := s.me(ann); status != http.StatusUnauthorized {
		t.Errorf("ann: got %d", status)
	}
	if status, _ := s.me(bob); status != http.StatusOK {
		t.Errorf("bob: got %d", status)
	}
}

func TestSessionsAreOverSomeTime(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn(), Limits: web.Limits{SessionLife: time.Nanosecond}}, nil)
	if status, _ := s.me(s.begin("ann")); status != http.StatusUnauthorized {
		t.Errorf("got %d", status)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn(), Limits: web.Limits{MaxSessions: 3, AttemptsBurst: 100}}, nil)
	bob := s.begin("bob")
	var ann []*http.Cookie
	for range 4 {
		ann = append(ann, s.begin("ann"))
	}
	got := []int{first(s.me(bob))}
	for _, c := range ann {
		got = append(got, first(s.me(c)))
	}
	// ann has most of them, so that ann's oldest ones have ended.
	if want := []int{200, 401, 401, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
}

func first(status int, _ api.Principal) int { return status }

// A token counts before a session, so that a script in a browser cannot be surprised.
func TestTokensCountBeforeSessions(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn()}, nil)
	cookie := s.begin("ann")
	_, body := s.ask("GET", "/api/v1/whoami", "admin", "", "Cookie: "+cookie.Name+"="+cookie.Value)
	if !strings.Contains(body, `"ada"`) {
		t.Errorf("got %s", body)
	}
}
