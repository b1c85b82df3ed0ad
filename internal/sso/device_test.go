package sso_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
)

func TestCLILogsIn(t *testing.T) {
	there, here := setUp(t, nil, ann("fleet-admins"))
	tokens, err := sso.Device(t.Context(), here.Public(), func(prompt sso.Prompt) {
		if prompt.URL != there.Issuer+"/device" || !strings.Contains(prompt.Complete, prompt.Code) {
			t.Errorf("got the prompt %+v", prompt)
		}
		if err := there.Confirm(t.Context(), prompt.URL, prompt.Code, "ann", true); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Check(t.Context(), sso.Tokens{ID: tokens.ID, Access: "another"}); !strings.Contains(text(err), "the access token is not the one") {
		t.Errorf("with another access token: got %v", err)
	}
	if _, err := here.Check(t.Context(), sso.Tokens{ID: tokens.ID}); !strings.Contains(text(err), "the access token is not the one") {
		t.Errorf("without the access token: got %v", err)
	}
	got, err := here.Check(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	if want := (sso.Person{Name: "ann", Role: mgmt.Admin, Subject: there.Issuer + " sub-ann"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err = here.Check(t.Context(), tokens)
	refusedWith(t, err, "this ID token has been used already")
}

// A provider that does not answer for a moment does not end the login.
func TestCLIWaitsForAProviderThatIsAway(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	tokens, err := sso.Device(t.Context(), here.Public(), func(prompt sso.Prompt) {
		if err := there.Confirm(t.Context(), prompt.URL, prompt.Code, "ann", true); err != nil {
			t.Error(err)
		}
		there.SetAway(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Check(t.Context(), tokens); err != nil {
		t.Error(err)
	}
}

func TestInterruptedCLIEndsAtOnce(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/device"} {
		ctx, interrupt := context.WithCancelCause(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				r.ParseForm() // or the server does not notice that the client has left
				interrupt(errors.New("interrupted"))
				<-r.Context().Done()
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"issuer":"http://%[1]s","authorization_endpoint":"http://%[1]s/a","token_endpoint":"http://%[1]s/t","jwks_uri":"http://%[1]s/k","device_authorization_endpoint":"http://%[1]s/device"}`, r.Host)
		}))
		_, err := sso.Device(ctx, sso.Public{Issuer: server.URL, ClientID: "x"}, func(sso.Prompt) { t.Error("there is a prompt") })
		if text(err) != "interrupted" {
			t.Errorf("%s: got %v", path, err)
		}
		server.Close()
	}
}

// Some providers tell name and groups only to those who ask with the access token.
func TestProviderIsAskedForWhatTheTokenDoesNotSay(t *testing.T) {
	there, here := setUp(t, func(c *sso.Config) { c.CLIClientID = ssotest.Terse }, ann("soc"))
	tokens, err := sso.Device(t.Context(), here.Public(), func(prompt sso.Prompt) {
		if err := there.Confirm(t.Context(), prompt.URL, prompt.Code, "ann", true); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if said := payload(t, tokens.ID); said["groups"] != nil || said["preferred_username"] != nil {
		t.Fatalf("the token says %v", said)
	}
	got, err := here.Check(t.Context(), tokens)
	if want := (sso.Person{Name: "ann", Role: mgmt.Operator, Subject: there.Issuer + " sub-ann"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// payload returns what a token says.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestCLIThatIsDenied(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	_, err := sso.Device(t.Context(), here.Public(), func(prompt sso.Prompt) {
		if err := there.Confirm(t.Context(), prompt.URL, prompt.Code, "ann", false); err != nil {
			t.Error(err)
		}
	})
	if got := text(err); got != "the login was denied at the provider" {
		t.Errorf("got %q", got)
	}
	public := here.Public()
	public.ClientID = ssotest.Web
	_, err = sso.Device(t.Context(), public, func(sso.Prompt) { t.Error("a client that may not use the device flow has a prompt") })
	refusedWith(t, err, "the provider does not know the client")
}
