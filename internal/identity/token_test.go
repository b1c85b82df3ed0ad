package identity_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func TestTokenIsOneWordThatNoShellChanges(t *testing.T) {
	token := identity.NewToken(strings.Repeat("a", 32))
	text := token.String()
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(text, "-") {
		t.Errorf("token %q has other characters than letters, digits and hyphens", text)
	}
	got, err := identity.ParseToken(text)
	if err != nil || got != token {
		t.Errorf("ParseToken: %v, %v; want %v", got, err, token)
	}
	api := identity.NewAPIToken()
	if got, err := identity.ParseAPIToken(api.String()); err != nil || got != api {
		t.Errorf("ParseAPIToken: %v, %v; want %v", got, err, api)
	}
}

func TestTokensDiffer(t *testing.T) {
	a, b := identity.NewToken("x"), identity.NewToken("x")
	if a.ID == b.ID || a.Secret == b.Secret {
		t.Errorf("two tokens share a part: %v, %v", a, b)
	}
}

func TestErrorOfABadTokenDoesNotRepeatIt(t *testing.T) {
	whole := identity.NewToken(strings.Repeat("a", 32)).String()
	for _, text := range []string{"", "secret", whole[:len(whole)-1], whole + "x", " " + whole, whole + "\n", strings.ToUpper(whole)} {
		if _, err := identity.ParseToken(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("ParseToken(%q): %v", text, err)
		}
		if _, err := identity.ParseAPIToken(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("ParseAPIToken(%q): %v", text, err)
		}
	}
}

// A token has one spelling.
func FuzzParseToken(f *testing.F) {
	f.Add(identity.NewToken(strings.Repeat("a", 32)).String())
	f.Add(identity.NewAPIToken().String())
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := identity.ParseToken(text); err == nil && token.String() != text {
			t.Errorf("%q was taken for %q", text, token)
		}
		if token, err := identity.ParseAPIToken(text); err == nil && token.String() != text {
			t.Errorf("%q was taken for %q", text, token)
		}
	})
}

func TestTokenThatIsNotWholeIsNamedAsSuch(t *testing.T) {
	whole := identity.NewToken(strings.Repeat("a", 32)).String()
	if _, err := identity.ParseToken(whole[:len(whole)-1]); err == nil || !strings.HasPrefix(err.Error(), "this is not a token: it has 71 characters in place of 72; copy the whole line") {
		t.Errorf("got %v", err)
	}
}
