package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerSSO adds what logs users in through a provider of identities. The operations
// exist without a provider as well, so that the API is the same everywhere.
func (a *routes) registerSSO() {
	register(a, operation{
		id: "single-sign-on", method: http.MethodGet, path: api.PathSSOInfo, anybody: true,
		summary: "Say what a login through single sign-on needs",
		details: "A command line logs in at the provider with the device flow (RFC 8628). A browser begins at " + api.PathSSOStart + ".",
		errors:  []int{http.StatusNotFound},
	}, a.s.ssoInfo)
	register(a, operation{
		id: "login-sso", method: http.MethodPost, path: api.PathSSOLogin, may: access.RowOf(access.LoginSSO{}), anybody: true, attempt: true,
		summary: "Log in through single sign-on, for a certificate",
		errors:  []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, a.s.loginSSO)
	a.mux.HandleFunc("GET "+api.PathSSOStart, a.s.startSSO)
	a.mux.HandleFunc("GET "+api.PathSSOCallback, a.s.finishSSO)
}

var errNoSSO = errors.New("this controller has no single sign-on: an admin can set controller.sso.issuer")

func (s *Server) ssoInfo(context.Context, *struct{}) (*bodyOutput[api.SSO], error) {
	if s.cfg.SSO == nil {
		return nil, problem(http.StatusNotFound, errNoSSO.Error())
	}
	p := s.cfg.SSO.Public()
	info := api.SSO{
		Issuer: p.Issuer, ClientID: p.ClientID, Scopes: p.Scopes, Authorities: string(p.Authorities), Browser: p.Browser,
	}
	if s.cfg.Authority != nil && len(s.cfg.Authority.Directory().NodeAuthorities) == 0 {
		info.Instead = onlyBrowsers
	}
	return &bodyOutput[api.SSO]{info}, nil
}

// onlyBrowsers says that a command line needs a certificate, which an organisation signs.
const onlyBrowsers = "this controller signs no certificates (tls.cert is set), so only browsers log in through single sign-on: " +
	"commands show a certificate of the organisation that tls.identities names, or an API token (zeekfleet token create --user)"

func (s *Server) loginSSO(ctx context.Context, in *bodyInput[api.SSOLoginRequest]) (*bodyOutput[api.Certificate], error) {
	switch {
	case s.cfg.SSO == nil:
		return nil, problem(http.StatusNotFound, errNoSSO.Error())
	case in.Body.Key == "":
		return nil, problem(http.StatusUnprocessableEntity, "key: there is no signing request in PEM form")
	}
	person, err := s.cfg.SSO.Check(ctx, sso.Tokens{ID: in.Body.IDToken, Access: in.Body.AccessToken})
	if err != nil {
		return nil, problem(s.ssoFailed(askerOf(ctx), err), err.Error())
	}
	c, err := ask[access.Certificate](ctx, s, access.LoginSSO{
		Name: person.Name, Role: person.Role, Subject: person.Subject, Life: s.cfg.SSO.Life(), Key: []byte(in.Body.Key),
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Certificate]{signed(c)}, nil
}

// ssoFailed returns the status of a login that failed. A refusal gets into the audit: the
// authority has not heard of it.
func (s *Server) ssoFailed(who asker, err error) int {
	refused, ok := errors.AsType[*sso.Refused](err)
	if !ok {
		s.cfg.Logger.Warn("single sign-on", "err", err)
		return http.StatusServiceUnavailable
	}
	row := access.RowOf(access.LoginSSO{})
	s.cfg.Logger.Warn("access request refused", "request", row.Name, "who", who.Name, "err", refused.Reason)
	s.refusing(who, row.Name, "", refused.Reason)
	return http.StatusUnauthorized
}

// stateCookie is the name of the cookie that binds a login to the browser that has begun
// it. Browsers send a cookie with SameSite=Lax when the provider sends them back; they
// would not send the session's cookie then, which is Strict.
const stateCookie = "__Host-zeekfleet-sso"

// newStateCookie returns the cookie. An empty value makes the browser forget it.
func newStateCookie(value string) *http.Cookie {
	c := &http.Cookie{
		Name: stateCookie, Value: value, Path: "/", MaxAge: int(sso.PendingLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// startSSO sends a browser to the provider. A browser that came by another name of this
// host first goes to the name in the settings, because it would not send the cookie of
// one name to another.
func (s *Server) startSSO(w http.ResponseWriter, r *http.Request) {
	who, ok := s.attemptSSO(w, r)
	if !ok {
		return
	}
	home := s.cfg.SSO.StartURL(api.PathSSOStart)
	if home != nil && home.Hostname() != hostOf(r) && !r.URL.Query().Has("here") {
		home.RawQuery = "here"
		http.Redirect(w, r, home.String(), http.StatusFound)
		return
	}
	start, err := s.cfg.SSO.Start(r.Context(), who.Source)
	if err != nil {
		s.ssoFailedPage(w, r, s.ssoFailed(who, err), err.Error())
		return
	}
	http.SetCookie(w, newStateCookie(start.Cookie))
	http.Redirect(w, r, start.URL, http.StatusFound)
}

// hostOf returns the name or the address by which the browser calls this host.
func hostOf(r *http.Request) string { return (&url.URL{Host: r.Host}).Hostname() }

// finishSSO begins the session of a browser that comes back from the provider. The page
// sends the browser on by itself: a redirection would count as coming from the provider,
// and the browser would not send the session's cookie with it.
func (s *Server) finishSSO(w http.ResponseWriter, r *http.Request) {
	who, ok := s.attemptSSO(w, r)
	if !ok {
		return
	}
	var bound string
	if cookie, none := r.Cookie(stateCookie); none == nil {
		bound = cookie.Value
	}
	http.SetCookie(w, newStateCookie(""))
	person, err := s.cfg.SSO.Finish(r.Context(), bound, r.URL.Query())
	if err != nil {
		s.ssoFailedPage(w, r, s.ssoFailed(who, err), err.Error())
		return
	}
	ctx := context.WithValue(r.Context(), askerKey{}, who)
	if _, err := ask[access.Certificate](ctx, s, access.LoginSSO{Name: person.Name, Role: person.Role, Subject: person.Subject}); err != nil {
		s.ssoFailedPage(w, r, statusOf(err), err.Error())
		return
	}
	life := min(s.cfg.SSO.Life(), s.sessions.life)
	secret, _ := s.sessions.begin(person.Name, time.Now(), life)
	http.SetCookie(w, s.sessions.cookie(secret, life))
	s.ssoPage(w, r, http.StatusOK, ui.DonePage("Logged in as "+person.Name, ui.PathHome))
}

// attemptSSO returns who asks for a page of single sign-on. It answers the request and
// returns false if there is no single sign-on, or if there were too many attempts.
func (s *Server) attemptSSO(w http.ResponseWriter, r *http.Request) (who asker, ok bool) {
	c := r.Context().Value(connKey{}).(*conn)
	if s.cfg.SSO == nil {
		s.ssoFailedPage(w, r, http.StatusNotFound, errNoSSO.Error())
		return who, false
	}
	if seconds := s.attempt(c, access.RowOf(access.LoginSSO{}).Name); seconds != "" {
		w.Header().Set("Retry-After", seconds)
		s.ssoFailedPage(w, r, http.StatusTooManyRequests, tooMany(seconds))
		return who, false
	}
	return stranger(c), true
}

// statusOf returns the HTTP status of an error of an operation.
func statusOf(err error) int {
	if p, ok := errors.AsType[interface {
		error
		GetStatus() int
	}](err); ok {
		return p.GetStatus()
	}
	return http.StatusInternalServerError
}

// ssoFailedPage says why a login has failed.
func (s *Server) ssoFailedPage(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.ssoPage(w, r, status, ui.LoginPage(ui.Login{Wrong: why, SSO: api.PathSSOStart}))
}

func (s *Server) ssoPage(w http.ResponseWriter, r *http.Request, status int, c ui.Content) {
	pages{s}.write(page{}, &visit{Request: r, w: w, who: stranger(r.Context().Value(connKey{}).(*conn))}, status, c)
}
