package notify

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// failure is why an attempt has failed. Its text is one line without secrets.
type failure struct {
	text string
	// refused says that the receiver will not take this message, and may take others.
	refused bool
	// after is for how long the receiver asks to wait.
	after time.Duration
}

func (f *failure) Error() string { return f.text }

// maxFailure bounds the text of a failure, in bytes.
const maxFailure = 500

// oneLine makes one bounded line of a text that may have parts of what a receiver has written.
func oneLine(text string) string {
	return mgmt.LineText(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text), maxFailure)
}

// withoutURL returns why a request has failed, without what may be secret in its URL. A host
// can put parts of the URL into the error: it may answer with them.
func (q *queue) withoutURL(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return context.Cause(ctx).Error()
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if refused, ok := errors.AsType[*net.OpError](err); ok {
		err = refused
	}
	text := err.Error()
	for _, secret := range secretsOf(q.URL) {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return oneLine(queryString().ReplaceAllString(text, "?…"))
}

// queryString is what may be the query of a URL.
var queryString = lazy.Regexp(`\?[^\s"']+`)

// minSecret is the length of the shortest part of a URL that is hidden. What is shorter
// protects nothing, and is a part of many words.
const minSecret = 6

// secretsOf returns the parts of a URL that may be secret, the longest first: all but the host.
func secretsOf(text string) (secrets []string) {
	add := func(parts ...string) {
		for _, p := range parts {
			if plain, err := url.PathUnescape(p); err == nil && len(plain) >= minSecret {
				secrets = append(secrets, plain)
			}
			if len(p) >= minSecret {
				secrets = append(secrets, p)
			}
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil // no request has such a URL
	}
	add(strings.Trim(u.EscapedPath(), "/"))
	add(strings.Split(u.EscapedPath(), "/")...)
	add(u.RawQuery, u.EscapedFragment())
	for key, values := range u.Query() {
		add(key)
		add(values...)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		add(u.User.String(), u.User.Username(), password)
	}
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(secrets)
}
