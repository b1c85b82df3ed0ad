package web

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// page is what a page or a form has beside what it shows. A page shows what the operations of
// the API tell its user, and a form does what they do: it calls the same functions.
type page struct {
	// pattern is the method and the path.
	pattern string
	// may says who sees the page, or may send the form. A page with anybody needs none.
	may     access.Row
	anybody bool
	// section is the path of the section to which it belongs.
	section string
}

// sections are the parts of the site, in the order of the navigation.
var sections = []struct {
	ui.Section
	may access.Row
}{
	{ui.Section{Name: "Fleet", Path: ui.PathFleet}, rowOf(mgmt.GetNodesRequest{})},
	{ui.Section{Name: "Traffic", Path: ui.PathTraffic}, rowOf(mgmt.GetNodesRequest{})},
	{ui.Section{Name: "Alerts", Path: ui.PathAlerts}, access.RowOfAlerts(access.ListAlerts{})},
	{ui.Section{Name: "Deployments", Path: ui.PathDeployments}, rowOf(mgmt.GetHistoryRequest{})},
	{ui.Section{Name: "Instances", Path: ui.PathInstances}, rowOf(mgmt.GetNodesRequest{})},
	{ui.Section{Name: "Events", Path: ui.PathEvents}, rowOf(mgmt.GetNodesRequest{})},
	{ui.Section{Name: "Users", Path: ui.PathUsers}, access.RowOf(access.ListUsers{})},
	{ui.Section{Name: "Audit", Path: ui.PathAudit}, access.ReadAudit},
}

// pages are the pages of the site.
type pages struct{ *Server }

// visit is a request for a page.
type visit struct {
	*http.Request
	w   http.ResponseWriter
	who asker
	// need is the row that says who may see the page.
	need access.Row
	// limits are those of the server.
	limits *Limits
	// written is called when the answer was written.
	written func()
}

// visit returns the visit of a stranger.
func (s *Server) visit(w http.ResponseWriter, r *http.Request) *visit {
	return &visit{Request: r, w: w, who: stranger(r.Context().Value(connKey{}).(*conn)), limits: &s.cfg.Limits}
}

// may reports whether the user may do what the row says.
func (v *visit) may(row access.Row) bool { return v.who.Role >= row.May }

// shown is what a page answers with.
type shown struct {
	ui.Content
	// to is where the browser goes instead.
	to string
	// status is 200 if it is zero.
	status int
}

// show shows a content.
func show(c ui.Content) (shown, error) { return shown{Content: c}, nil }

// goTo sends the browser to a path of this site.
func goTo(path string) (shown, error) { return shown{to: path}, nil }

// In the counts of requests, pages stand under these names.
const (
	pageOperation = "page"
	pageStream    = "page-stream"
)

// registerPages adds the pages.
func (a *routes) registerPages() {
	a.mux.HandleFunc("GET "+ui.AssetsPath, serveAsset)
	a.ids["GET "+ui.AssetsPath] = pageOperation
	a.registerLogin()
	a.registerFrame()
	a.registerFleet()
	a.registerNode()
	a.registerOperate()
	a.registerDeployments()
	a.registerTraffic()
	a.registerInstances()
	a.registerTokenPages()
	a.registerEventPages()
	a.registerUserPages()
	a.registerOwnTokenPages()
	a.registerCertificatePages()
	a.registerAlertPages()
	registerBundlePages(a)
}

// page adds a page or a form.
func (a *routes) page(p page, serve func(*visit) (shown, error)) {
	s := pages{a.s}
	a.ids[p.pattern] = pageOperation
	if strings.HasSuffix(p.pattern, "/stream") {
		a.ids[p.pattern] = pageStream
	}
	a.mux.HandleFunc(p.pattern, func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r)
		v.need = p.may
		if !s.enter(p, v) {
			return
		}
		v.Request = r.WithContext(context.WithValue(r.Context(), askerKey{}, v.who))
		v.written = func() {}
		defer func() { v.written() }()
		answer, err := serve(v)
		s.answer(p, v, answer, err)
	})
}

// enter reports whether a visitor may go on to the page. Otherwise it answers.
func (s pages) enter(p page, v *visit) bool {
	form := strings.HasPrefix(p.pattern, http.MethodPost)
	if form {
		if why := foreignForm(v.Request); why != "" {
			s.refusing(v.who, p.may.Name, "", why)
			s.fail(p, v, http.StatusForbidden, why)
			return false
		}
	}
	who, err := s.who(v.who.conn, v.Request)
	switch {
	case err == nil:
		who.again = func() (asker, error) { return s.who(v.who.conn, v.Request) }
		v.who = who
	case p.anybody:
	case form:
		s.refusing(v.who, p.may.Name, "", err.Error())
		s.fail(p, v, http.StatusUnauthorized, err.Error())
		return false
	case strings.HasSuffix(p.pattern, "/stream"):
		// A page that was sent to the login would take the login for its stream, and say that it is live.
		s.fail(p, v, http.StatusUnauthorized, err.Error())
		return false
	default:
		s.sendToLogin(v)
		return false
	}
	if !p.anybody && !v.may(p.may) {
		why := p.may.Forbids(v.who.Principal)
		s.refusing(v.who, p.may.Name, v.URL.Path, why)
		s.fail(p, v, http.StatusForbidden, why)
		return false
	}
	return true
}

// foreignForm returns why a form does not come from a page of this site. Server.check has
// refused those that say that they come from another one.
func foreignForm(r *http.Request) string {
	if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return "the browser does not say which page has sent this form; scripts use the API, below /api/v1/"
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data") {
		return "this is no form of a page; scripts use the API, below /api/v1/"
	}
	return ""
}

// sendToLogin sends a visitor whom nobody knows to the login. If the visitor has followed a
// link of another site, the browser has not shown the session's cookie. Then the page sends
// the browser to itself first.
func (s pages) sendToLogin(v *visit) {
	if v.Header.Get("Sec-Fetch-Site") == "cross-site" {
		s.write(page{}, v, http.StatusOK, ui.DonePage("One moment", v.URL.RequestURI()))
		return
	}
	next := v.URL.RequestURI()
	if next == ui.PathHome || next == ui.PathFleet {
		next = ""
	}
	http.Redirect(v.w, v.Request, ui.LoginPath(next), http.StatusSeeOther)
}

// answer writes what a page answers with.
func (s pages) answer(p page, v *visit, answer shown, err error) {
	switch {
	case err != nil:
		if more, ok := errors.AsType[huma.HeadersError](err); ok {
			maps.Copy(v.w.Header(), more.GetHeaders())
		}
		s.fail(p, v, statusOf(err), err.Error())
	case answer.to != "":
		http.Redirect(v.w, v.Request, answer.to, http.StatusSeeOther)
	case answer.Body == nil: // the page has written by itself
	default:
		s.write(p, v, max(answer.status, http.StatusOK), answer.Content)
	}
}

// fail writes the page of an error.
func (s pages) fail(p page, v *visit, status int, detail string) {
	s.write(p, v, status, ui.ErrorPage(status, detail))
}

// write writes a page.
func (s pages) write(p page, v *visit, status int, c ui.Content) {
	f := ui.Frame{Controller: s.cfg.Name, Version: s.cfg.Version, Here: p.section}
	head := v.w.Header()
	if report, err := controllers(s).report(v.Context()); err == nil && v.who.Role > 0 && len(report.Members) > 1 {
		f.Controllers, f.Others = controllersLine(report), otherSites(report, v.who.conn.Secure)
		head.Set("Content-Security-Policy", policyFor(f.Others))
	}
	if v.who.Role > 0 {
		f.User, f.Role, f.CanLogOut = v.who.Name, v.who.Role.String(), v.who.secret != ""
		for _, section := range sections {
			if v.may(section.may) {
				if section.Path == ui.PathAlerts {
					section.Count = s.countFiring()
				}
				f.Sections = append(f.Sections, section.Section)
			}
		}
	}
	var text bytes.Buffer
	if err := ui.Write(&text, f, c); err != nil {
		panic("web: a page cannot be written: " + err.Error())
	}
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Referrer-Policy", "same-origin") // without a referrer, a form has no Origin
	v.w.WriteHeader(status)
	if v.Method != http.MethodHead {
		v.w.Write(text.Bytes()) // a browser that has gone does not matter
	}
}

// serveAsset serves a file that pages load.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := ui.AssetAt(r.URL.Path)
	if !ok {
		writeProblem(w, http.StatusNotFound, "there is no such file; load the page again")
		return
	}
	head := w.Header()
	head.Set("Content-Type", a.Type)
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	tag := `"` + strings.Split(a.Path, "/")[2] + `"`
	head.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(a.Body)
}

// wantsPage reports whether a person with a browser asks, and no program.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/")
}

// field returns a field of a form, without spaces around it.
func (v *visit) field(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }

var errForm = errors.New("the form is too long, or not understood")

// readForm reads a form, so that field returns its fields.
func (v *visit) readForm() error {
	v.Body = http.MaxBytesReader(v.w, v.Body, int64(v.limits.MaxForm))
	if err := v.ParseForm(); err != nil {
		return problem(http.StatusRequestEntityTooLarge, errForm.Error())
	}
	return nil
}

// ownPath returns a path of this site that came from outside, or other if it is none.
func ownPath(text, other string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(text, "//") || strings.ContainsAny(text, "\\\r\n\t") {
		return other
	}
	return u.RequestURI()
}
