package web

import (
	"context"
	"net/http"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerLogin adds the pages for logging in and out.
func (a *routes) registerLogin() {
	s := pages{a.s}
	login := access.RowOf(access.Login{})
	a.page(page{pattern: "GET " + ui.PathHome + "{$}", may: knownUser}, func(*visit) (shown, error) { return goTo(ui.PathFleet) })
	a.page(page{pattern: "GET " + ui.PathLogin, anybody: true}, s.loginPage)
	a.page(page{pattern: "POST " + ui.PathLogin, may: login, anybody: true}, s.logIn)
	a.page(page{pattern: "POST " + ui.PathLogout, may: knownUser}, s.logOut)
}

func (s pages) loginPage(v *visit) (shown, error) {
	return show(ui.LoginPage(s.login(v, "")))
}

// login returns what the page for logging in shows.
func (s pages) login(v *visit, wrong string) ui.Login {
	l := ui.Login{Wrong: wrong, Next: ownPath(v.URL.Query().Get("next"), "")}
	if v.who.secret == "" && v.who.Role > 0 {
		l.User = v.who.Name
	}
	if s.cfg.SSO != nil && s.cfg.SSO.Public().Browser {
		l.SSO = api.PathSSOStart
	}
	return l
}

// logIn begins the session of a browser.
func (s pages) logIn(v *visit) (shown, error) {
	again := func(status int, why string) (shown, error) {
		return shown{Content: ui.LoginPage(s.login(v, why)), status: status}, nil
	}
	if seconds := s.attempt(v.who.conn, access.RowOf(access.Login{}).Name); seconds != "" {
		v.w.Header().Set("Retry-After", seconds)
		return again(http.StatusTooManyRequests, tooMany(seconds))
	}
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	token := v.field("token")
	if token == "" || len(token) > 200 {
		return again(http.StatusUnprocessableEntity, "write the token that an admin has given you")
	}
	// Whoever logs in asks as nobody, whatever session the browser has.
	ctx := context.WithValue(v.Context(), askerKey{}, stranger(v.who.conn))
	begun, err := s.beginSession(ctx, &bodyInput[api.SessionRequest]{api.SessionRequest{Token: token}})
	if err != nil {
		return again(statusOf(err), err.Error())
	}
	s.sessions.end(v.who.secret)
	http.SetCookie(v.w, &begun.SetCookie)
	return goTo(ownPath(v.URL.Query().Get("next"), ui.PathFleet))
}

// logOut ends the session of a browser.
func (s pages) logOut(v *visit) (shown, error) {
	ended, err := s.endSession(v.Context(), nil)
	if err != nil {
		return shown{}, err
	}
	http.SetCookie(v.w, &ended.SetCookie)
	return goTo(ui.PathLogin)
}
