package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// asker is who makes a request, and how.
type asker struct {
	mgmt.Principal
	conn *conn
	// secret is that of the session in the request, or empty.
	secret string
	// bearer says that the request shows an API token.
	bearer bool
	// again returns who makes the request by now, for a request that has waited.
	again func() (asker, error)
}

type askerKey struct{}

// askerOf returns who makes the request of a context.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func askerOf(ctx context.Context) asker { return ctx.Value(askerKey{}).(asker) }

// who returns for whom a request is made: for the user of the API token that it shows,
// else of the session, else of the connection.
func (s *Server) who(c *conn, r *http.Request) (asker, error) {
	a := asker{conn: c}
	var err error
	if cookie, none := r.Cookie(sessionCookie); none == nil {
		a.secret = cookie.Value
	}
	shown := r.Header.Values("Authorization")
	switch {
	case len(shown) > 0:
		a.secret, a.bearer = "", true
		scheme, bearer, _ := strings.Cut(shown[0], " ")
		if len(shown) > 1 || !strings.EqualFold(scheme, "Bearer") || strings.TrimSpace(bearer) == "" {
			return a, errors.New("the request has an Authorization that is not understood: it is \"Bearer\" and an API token")
		}
		a.Principal, err = c.Who(strings.TrimSpace(bearer))
	case a.secret != "":
		if a.Principal, err = s.bySession(a.secret); err != nil {
			break
		}
	default:
		a.Principal, err = c.Who("")
	}
	if err == nil && a.Role == mgmt.NoUser {
		err = errors.New("this controller does not know who you are: show the certificate of a user (zeekfleet login), or an API token")
	}
	if err != nil {
		return a, err
	}
	if a.Source == "" && c.Remote.IsValid() {
		a.Source = source(c)
	}
	c.known.Store(true)
	return a, nil
}

var errSessionOver = errors.New("this session is over: log in again")

// bySession returns the user of a session, with the role that the user has now.
func (s *Server) bySession(secret string) (mgmt.Principal, error) {
	name, ok := s.sessions.find(secret, time.Now())
	if !ok || s.cfg.Authority == nil {
		return mgmt.Principal{}, errSessionOver
	}
	who, err := s.cfg.Authority.Directory().Principal(identity.Identity{Kind: identity.User, Name: name})
	if err != nil {
		s.sessions.end(secret)
		return mgmt.Principal{}, errSessionOver
	}
	return who, nil
}

// stranger returns an asker whom nobody knows.
func stranger(c *conn) asker {
	return asker{Principal: mgmt.Principal{Name: "unknown at " + c.Remote.Addr().Unmap().String(), Source: source(c)}, conn: c}
}

// source returns the address of a connection in the form that the audit has.
func source(c *conn) string {
	return netip.AddrPortFrom(c.Remote.Addr().Unmap(), c.Remote.Port()).String()
}

// refusing reports a refusal that no other part of the controller sees.
func (s *Server) refusing(who asker, request, subject, reason string) {
	if who.Name == "" {
		who.Principal = stranger(who.conn).Principal
	}
	s.cfg.Refused(mgmt.AuditRecord{
		Who: who.Name, Role: who.Role, Source: source(who.conn), Request: request, Subject: subject, Outcome: mgmt.AuditRefused, Reason: reason,
	})
}

// attempt counts an attempt to join or to log in. It returns an empty text, or the seconds
// that the asker must wait.
func (s *Server) attempt(c *conn, request string) (seconds string) {
	wait := s.attempts.take(time.Now(), c.Remote.Addr())
	if wait <= 0 {
		return ""
	}
	s.refusing(stranger(c), request, "", "there were too many attempts")
	return strconv.Itoa(int(math.Ceil(wait.Seconds())))
}

func tooMany(seconds string) string {
	return "there were too many attempts: try again in " + seconds + " s"
}

// admit puts the asker into the context of an operation. It refuses an asker whom nobody
// knows, unless the operation is for anybody. The parts that carry the request out refuse
// a role that is too low.
func (s *Server) admit(a *routes, op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		c := r.Context().Value(connKey{}).(*conn)
		if op.attempt {
			if seconds := s.attempt(c, op.may.Name); seconds != "" {
				ctx.SetHeader("Retry-After", seconds)
				a.refuse(ctx, http.StatusTooManyRequests, tooMany(seconds))
				return
			}
		}
		who := stranger(c)
		if !op.anybody {
			var err error
			if who, err = s.who(c, r); err != nil {
				if op.may != knownUser { // a page asks in this way whether somebody has logged in
					s.refusing(who, op.may.Name, "", err.Error())
				}
				ctx.SetHeader("WWW-Authenticate", `Bearer realm="zeekfleet"`)
				a.refuse(ctx, http.StatusUnauthorized, err.Error())
				return
			}
			who.again = func() (asker, error) { return s.who(c, r) }
		}
		next(huma.WithValue(ctx, askerKey{}, who))
	}
}
