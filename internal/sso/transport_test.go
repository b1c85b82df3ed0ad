package sso

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func TestProtectedAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"https://id.example":      true,
		"http://id.example":       false,
		"http://192.0.2.1":        false,
		"http://127.0.0.1:8080/x": true,
		"http://[::1]:8080":       true,
		"http://localhost":        true,
		"http://localhost.evil":   false,
		"http://127.0.0.1.evil":   false,
		"ftp://127.0.0.1":         false,
		"javascript:alert(1)":     false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := protected(u); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// A description of the provider may name any address. Nothing is sent there in plain
// text.
func TestNothingIsAskedWithoutTLS(t *testing.T) {
	client, err := newClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Get("http://192.0.2.1/userinfo")
	if err == nil || !strings.Contains(err.Error(), "the provider names an address without TLS: http://192.0.2.1/userinfo") {
		t.Errorf("got %v", err)
	}
}

func TestProviderWithoutAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	client := &http.Client{Transport: guarded{http.DefaultTransport, time.Millisecond}}
	_, err := oidc.NewProvider(oidc.ClientContext(t.Context(), client), server.URL)
	if err == nil || !strings.Contains(err.Error(), "there was no answer within 1ms") {
		t.Errorf("got %v", err)
	}
}
