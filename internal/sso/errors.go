package sso

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// Refused says that somebody may not log in. Its text is one line for that person.
type Refused struct{ Reason string }

func (r *Refused) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// ErrAway says that the provider did not answer, or not as a provider does. Nobody can
// log in through it then. All else goes on.
var ErrAway = errors.New("the provider of single sign-on is away")

// away returns ErrAway with the reason. doing says what the provider was asked for.
func away(doing string, err error) error {
	return fmt.Errorf("%w: %s: %s", ErrAway, doing, brief(err.Error()))
}

// asked returns the error of a request to the provider: a refusal if the provider
// answered, and otherwise ErrAway.
func asked(doing string, err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		return away(doing, err)
	case answer.ErrorCode == "":
		return away(doing, errors.New(answer.Response.Status))
	case answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client":
		return refuse("the provider does not know the client of this controller, or not for this kind of login: %s: %s; an admin can check controller.sso.client_id and controller.sso.client_secret_file",
			doing, said(answer.ErrorCode, answer.ErrorDescription))
	}
	return refuse("the provider refused the login: %s: %s", doing, said(answer.ErrorCode, answer.ErrorDescription))
}

// said returns an error of the provider for a person.
func said(code, description string) string {
	if description == "" {
		return brief(code)
	}
	return brief(code) + " (" + brief(description) + ")"
}

// isRemote reports whether an error comes from the way to the provider.
func isRemote(err error) bool {
	_, ok := errors.AsType[*url.Error](err)
	return ok
}

// brief returns the beginning of a text from outside as one line.
func brief(text string) string {
	const most = 300 // bytes
	text = strings.ToValidUTF8(text[:min(len(text), most)], "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
