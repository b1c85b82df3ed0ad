package sso_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
)

// Each token is signed for real.
func TestTokensOfTheCLI(t *testing.T) {
	there, here := setUp(t, nil)
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, tc := range map[string]struct {
		change map[string]any
		want   string // empty for a token that counts
	}{
		"as it should be":    {nil, ""},
		"two audiences":      {map[string]any{"aud": []string{ssotest.CLI, "other"}, "azp": ssotest.CLI}, ""},
		"another audience":   {map[string]any{"aud": "other"}, `the ID token does not count: expected audience "fleet-cli" got ["other"]`},
		"the web's audience": {map[string]any{"aud": ssotest.Web}, `expected audience "fleet-cli" got ["fleet"]`},
		"another party":      {map[string]any{"aud": []string{ssotest.CLI, "other"}, "azp": "other"}, "the ID token was made for another client"},
		"no party":           {map[string]any{"aud": []string{ssotest.CLI, "other"}}, "the ID token was made for another client"},
		"another issuer":     {map[string]any{"iss": "https://evil.example"}, "id token issued by a different provider"},
		"expired":            {map[string]any{"iat": at(-9 * time.Minute), "exp": at(-2 * time.Minute)}, "one of the two clocks is wrong by 2m"},
		"just expired":       {map[string]any{"iat": at(-9 * time.Minute), "exp": at(-30 * time.Second)}, ""},
		"without an end":     {map[string]any{"exp": nil}, "the ID token expired at"},
		"of tomorrow":        {map[string]any{"iat": at(3*time.Hour + 30*time.Second), "exp": at(4 * time.Hour)}, "one of the two clocks is wrong by 3h0m"},
		"of an hour ago":     {map[string]any{"iat": at(-time.Hour), "exp": at(time.Hour)}, "it counts for 10m0s only"},
		"without a time":     {map[string]any{"iat": nil}, "it counts for 10m0s only"},
		"of a browser":       {map[string]any{"nonce": "n"}, "the ID token is of a login in a browser"},
		"of nobody":          {map[string]any{"sub": ""}, "does not say of whom it is"},
		"without groups":     {map[string]any{"groups": nil}, "the provider tells no groups"},
		"unknown groups":     {map[string]any{"groups": []string{"SOC", "staff"}}, "none of the user's groups (SOC, staff)"},
		"groups of numbers":  {map[string]any{"groups": []int{1}}, `the claim "groups" is neither a text nor a list of texts`},
		"a bad name":         {map[string]any{"preferred_username": "ann (admin)"}, "the provider's name for the user cannot be used"},
		"a name of numbers":  {map[string]any{"preferred_username": 7}, `the claim "preferred_username" is not a text`},
		"no name":            {map[string]any{"preferred_username": nil, "email": "ann@example.com"}, "tells no name"},
	} {
		t.Run(name, func(t *testing.T) {
			said := there.Claims(ssotest.CLI, "ann", "soc")
			maps.Copy(said, tc.change)
			maps.DeleteFunc(said, func(_ string, value any) bool { return value == nil })
			said["jti"] = name
			token, err := there.Sign(said)
			if err != nil {
				t.Fatal(err)
			}
			person, err := here.Check(t.Context(), sso.Tokens{ID: token})
			if tc.want != "" {
				refusedWith(t, err, tc.want)
			} else if err != nil || person.Name != "ann" {
				t.Errorf("got %+v, %v", person, err)
			}
		})
	}
}

func TestTokensThatTheProviderHasNotSigned(t *testing.T) {
	there, here := setUp(t, nil)
	said := there.Claims(ssotest.CLI, "ann", "fleet-admins")
	good, err := there.Sign(said)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := ssotest.Sign(jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "key-1"}, said)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := ssotest.Sign(jose.ES256, jose.JSONWebKey{Key: stranger, KeyID: "key-9"}, said)
	if err != nil {
		t.Fatal(err)
	}
	withSecret, err := ssotest.Sign(jose.HS256, []byte(ssotest.Secret+strings.Repeat("x", 32)), said)
	if err != nil {
		t.Fatal(err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"key-1"}`))
	said["groups"] = []string{"fleet-admins", "more"}
	changed, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ token, want string }{
		"by another key of that name": {forged, "failed to verify"},
		"by an unknown key":           {unknown, "failed to verify"},
		"by a shared secret":          {withSecret, "unexpected signature algorithm"},
		"unsigned (alg=none)":         {none + "." + parts[1] + ".", "unexpected signature algorithm"},
		"alg=none with the signature": {none + "." + parts[1] + "." + parts[2], "unexpected signature algorithm"},
		"without signature":           {parts[0] + "." + parts[1] + ".", "does not count"},
		"changed after it was signed": {parts[0] + "." + base64.RawURLEncoding.EncodeToString(changed) + "." + parts[2], "failed to verify"},
		"two parts":                   {parts[0] + "." + parts[1], "this is not an ID token"},
		"in the long form":            {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "this is not an ID token"},
		"the long form with dots":     {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `","x":".."}`, "this is not an ID token"},
		"nothing":                     {"", "the provider gave no ID token"},
		"long":                        {strings.Repeat("x", sso.MaxToken) + "..", "the ID token has more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := here.Check(t.Context(), sso.Tokens{ID: tc.token})
			refusedWith(t, err, tc.want)
		})
	}
	if _, err := here.Check(t.Context(), sso.Tokens{ID: good}); err != nil {
		t.Errorf("the token that the others were made of: %v", err)
	}
}
