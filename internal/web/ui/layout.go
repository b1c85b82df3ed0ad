package ui

import (
	"io"
	"strconv"
	"strings"

	g "maragu.dev/gomponents"

	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Frame is what is around the content of every page.
type Frame struct {
	// Controller is the name of the controller, and Version that of its program.
	Controller, Version string
	// User is who looks at the page, with the role. Empty: nobody has logged in.
	User, Role string
	// CanLogOut says that there is a session to be ended.
	CanLogOut bool
	// Sections are the parts of the site that the user may see.
	Sections []Section
	// Controllers says which controllers the cluster has, if it has several, and Others are the
	// sites of those beside this one, such as https://192.0.2.2:2149.
	Controllers string
	Others      []string
	// Here is the path of the section to which the page belongs.
	Here string
}

// Section is a part of the site, with an entry in the navigation.
type Section struct {
	Name, Path string
	// Count is how many things need a person there.
	Count int
}

// badgeID is the ID of the count of a section: the alerts alone have one.
const badgeID = "firing"

func badge(count int) g.Node {
	if count == 0 {
		return h.Span(h.ID(badgeID), h.Class("badge"))
	}
	return h.Span(h.ID(badgeID), h.Class("badge"), h.Text(strconv.Itoa(count)), h.Span(h.Class("unseen"), h.Text(" firing")))
}

// Badge is the count of the alerts that fire, in the navigation.
func Badge(firing int) Piece { return pieceOf(badgeID, badge(firing)) }

// Content is what one page shows.
type Content struct {
	Title string
	Body  g.Node
	// Live says that the page has a stream of its own.
	Live bool
	// Charts says that the page draws charts.
	Charts bool
	// Onward is where the browser goes on by itself. Empty: it stays.
	Onward string
}

// htmxConfig keeps htmx from what the content security policy forbids, and from what no page
// needs.
const htmxConfig = `{"includeIndicatorCSS":false,"history":false,"extensions":"sse","mode":"same-origin"}`

// Write writes a whole page.
func Write(w io.Writer, f Frame, c Content) error {
	return h.Doctype(h.HTML(h.Lang("en"),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(h.Name("viewport"), h.Content("width=device-width, initial-scale=1")),
			g.If(c.Onward != "", h.Meta(h.Attr("http-equiv", "refresh"), h.Content("0; url="+c.Onward))),
			h.TitleEl(h.Text(title(f, c))),
			h.Link(h.Rel("icon"), h.Href(assetPath("icon.svg")), h.Type("image/svg+xml")),
			// The theme comes first, so that a dark page never begins light.
			h.Script(h.Src(assetPath("theme.js"))),
			h.Link(h.Rel("stylesheet"), h.Href(assetPath("app.css"))),
			h.Meta(h.Name("htmx-config"), h.Content(htmxConfig)),
			h.Script(h.Src(assetPath("htmx.min.js")), h.Defer()),
			h.Script(h.Src(assetPath("hx-sse.min.js")), h.Defer()),
			g.If(c.Charts, g.Group{
				h.Link(h.Rel("stylesheet"), h.Href(assetPath("uPlot.min.css"))),
				h.Script(h.Src(assetPath("uPlot.iife.min.js")), h.Defer()),
			}),
			h.Script(h.Src(assetPath("app.js")), h.Defer()),
		),
		h.Body(g.If(f.User != "", h.Data("you", You(f.User, f.Role))),
			g.If(len(f.Others) > 0, h.Data("others", strings.Join(f.Others, " "))),
			h.A(h.Class("skip"), h.Href("#main"), h.Text("Skip to the content")),
			header(f, c),
			h.Main(h.ID("main"), h.TabIndex("-1"), c.Body),
			footer(f),
			h.P(h.ID("said"), h.Class("unseen"), h.Role("status"), h.Attr("aria-live", "polite")),
		),
	)).Render(w)
}

// You names who looks at a page. A page that has become another user's, or that of a user with
// another role, is loaded again.
func You(user, role string) string { return role + " " + user }

func title(f Frame, c Content) string {
	if f.Controller == "" {
		return c.Title + " – zeekfleet"
	}
	return c.Title + " – " + f.Controller
}

func header(f Frame, c Content) g.Node {
	return h.Header(h.Class("top"),
		h.A(h.Class("brand"), h.Href(PathHome), h.Strong(h.Text("zeekfleet")), g.If(f.Controller != "", h.Span(h.Text(f.Controller)))),
		g.If(len(f.Sections) > 0, h.Nav(h.Aria("label", "Sections"), h.Ul(
			g.Map(f.Sections, func(s Section) g.Node {
				return h.Li(h.A(h.Href(s.Path), g.If(s.Path == f.Here, h.Aria("current", "page")), h.Text(s.Name), g.If(s.Path == PathAlerts, badge(s.Count))))
			}),
		))),
		h.Div(h.Class("who"),
			h.Span(h.ID("live"), h.Class("live")),
			g.If(f.User != "" && !c.Live, h.Span(h.ID("frame"), h.Attr("hx-sse:connect", PathFrameStream), h.Attr("hx-swap", "none"))),
			h.Button(h.Class("quiet"), h.Type("button"), h.Data("theme-switch", ""), h.Attr("hidden"), h.Text("Theme")),
			g.If(f.User != "", h.A(h.Class("user"), h.Href(PathOwnTokens), h.Title("Logged in as "+f.User+". Your API tokens"), h.Text(f.User), h.Span(h.Class("role"), h.Text(f.Role)))),
			g.If(f.CanLogOut, h.Form(h.Method("post"), h.Action(PathLogout), h.Button(h.Class("quiet"), h.Type("submit"), h.Text("Log out")))),
			g.If(f.User == "", h.A(h.Href(PathLogin), h.Text("Log in"))),
		),
	)
}

func footer(f Frame) g.Node {
	return h.Footer(h.Class("foot"), g.If(f.Version != "", h.Span(h.Text("zeekfleet "+f.Version))), g.If(f.Controllers != "", h.Span(h.ID("controllers"), h.Text(f.Controllers))), h.Span(h.Text("Times are UTC")))
}
