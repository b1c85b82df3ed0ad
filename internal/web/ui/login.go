package ui

import (
	g "maragu.dev/gomponents"

	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Login is what the page for logging in shows.
type Login struct {
	// Wrong says why the last attempt has failed. Empty: there was none.
	Wrong string
	// Next is where the browser goes after the login.
	Next string
	// SSO is the path of single sign-on. Empty: there is none.
	SSO string
	// User is who asks already, without a session.
	User string
}

// LoginPage is the page for logging in.
func LoginPage(l Login) Content {
	return Content{Title: "Log in", Body: h.Div(h.Class("narrow"),
		h.H1(h.Text("Log in")),
		g.If(l.Wrong != "", h.Div(h.Class("note bad"), h.Role("alert"), h.Text(l.Wrong))),
		g.If(l.User != "", Note("", h.Text("This controller knows you as "+l.User+" by your connection. "), h.A(h.Href(PathFleet), h.Text("Go on")))),
		g.If(l.SSO != "", h.P(ButtonLink(l.SSO, "Log in with single sign-on", "primary", "wide"))),
		h.Form(h.Class("panel stack"), h.Method("post"), h.Action(withQuery(PathLogin, "next", l.Next)),
			Input("Login token", "token", "password", h.Required(), h.AutoComplete("off"), h.Placeholder("zf1-…"), h.MaxLength("200"),
				g.If(l.SSO == "", h.AutoFocus()), h.Attr("spellcheck", "false")),
			h.Div(h.Class("actions"), h.Button(h.Class("primary"), h.Type("submit"), h.Text("Log in"))),
			h.P(h.Class("muted"), h.Text("A token works once. An admin makes one with "), h.Code(h.Text("zeekfleet user add NAME --role ROLE")),
				h.Text(" on the controller, or on the page Users.")),
		),
	)}
}
