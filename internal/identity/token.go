package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// Token is what a new agent, or a user who logs in for the first time, shows once.
type Token struct {
	// Authority is the KeyHash of the authority that the asker must find at the
	// controller.
	Authority string
	// ID names the token. It is no secret.
	ID string
	// Secret proves that the asker has the token. The controller keeps its hash.
	Secret string
}

// tokenForm is the one spelling of a token. It is one word of letters, digits and
// hyphens, so that no shell changes it.
var tokenForm = lazy.Regexp(`^zf1-([a-z2-7]{32})-([a-z2-7]{8})-([a-z2-7]{26})$`)

// tokenLength is the length of a token.
const tokenLength = len("zf1-") + 32 + 1 + 8 + 1 + 26

// NewToken returns a token by chance.
func NewToken(authority string) Token {
	return Token{Authority: authority, ID: randomText(5), Secret: randomText(16)}
}

// randomText returns letters and digits that stand for n bytes by chance.
func randomText(n int) string {
	random := make([]byte, n)
	rand.Read(random)
	return lower32(random)
}

func (t Token) String() string {
	return strings.Join([]string{"zf1", t.Authority, t.ID, t.Secret}, "-")
}

// ParseToken parses a joining token. Its error does not repeat the text, which is a
// secret.
func ParseToken(text string) (Token, error) {
	m := tokenForm().FindStringSubmatch(text)
	switch {
	case m == nil && strings.HasPrefix(text, "zf1-") && len(text) != tokenLength:
		return Token{}, fmt.Errorf("this is not a token: it has %d characters in place of %d; copy the whole line that \"zeekfleet token create\" or \"zeekfleet user add\" printed", len(text), tokenLength)
	case m == nil:
		return Token{}, errors.New("this is not a token: a token is one word that begins with zf1-; copy the whole line that \"zeekfleet token create\" or \"zeekfleet user add\" printed")
	}
	return Token{m[1], m[2], m[3]}, nil
}

// SecretHash returns what the controller keeps of a secret. Secrets have 128 bits by
// chance, so a fast hash is enough.
func SecretHash(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// APIToken is what a machine shows with each request.
type APIToken struct{ ID, Secret string }

var apiTokenForm = lazy.Regexp(`^zfa-([a-z2-7]{8})-([a-z2-7]{26})$`)

// NewAPIToken returns an API token by chance.
func NewAPIToken() APIToken { return APIToken{randomText(5), randomText(16)} }

func (t APIToken) String() string { return "zfa-" + t.ID + "-" + t.Secret }

// ParseAPIToken parses an API token. Its error does not repeat the text.
func ParseAPIToken(text string) (APIToken, error) {
	m := apiTokenForm().FindStringSubmatch(text)
	if m == nil {
		return APIToken{}, errors.New("this is not an API token: one begins with zfa-")
	}
	return APIToken{m[1], m[2]}, nil
}
