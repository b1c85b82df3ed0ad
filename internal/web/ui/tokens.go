package ui

import (
	"strconv"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// TokenPath returns the path of what can be done with tokens: "join" and "api" make one.
func TokenPath(names ...string) string { return below(PathTokens, names...) }

// TokensPage lists the tokens.
func TokensPage(list []api.Token) Content {
	body := none("There is no token that still works.")
	if len(list) > 0 {
		kinds := map[string]string{api.JoinToken: "joining", api.LoginToken: "login", api.APIToken: "API"}
		body = stacked(tableOf("Tokens", []string{"Token", "Kind", "For", "Name", "By", "Created", "Until", "#Uses left", "Last use", ""}, h.TBody(g.Map(list, func(t api.Token) g.Node {
			uses := ""
			if t.Uses > 0 {
				uses = strconv.Itoa(t.Uses)
			}
			until := g.Node(h.Text("it is revoked"))
			if !t.Expires.IsZero() {
				until = Moment(t.Expires)
			}
			return h.Tr(h.Th(h.Scope("row"), h.Class("mono"), h.Text(t.ID)), cell(h.Text(kinds[t.Kind])), words(h.Text(t.For)), cell(h.Text(t.Name)), cell(h.Text(t.By)),
				when("Created", Moment(t.Created)), when("Until", until), h.Td(h.Class("num"), g.If(uses != "", h.Data("label", "Uses left")), h.Text(uses)), when("Last use", Moment(t.LastUse)),
				cell(ButtonLink(TokenPath(t.ID, "revoke"), "Revoke…", "small")))
		}))))
	}
	return Content{Title: "Tokens", Body: g.Group{
		Head("Tokens", ButtonLink(TokenPath("join"), "Let an instance join…", "primary"), ButtonLink(TokenPath("api"), "Make an API token…")),
		h.Section(h.Class("panel"), h.Aria("label", "Tokens"), body),
	}}
}

// NewToken is what the page shows that asks for a token.
type NewToken struct {
	// Wrong says why the last attempt has failed, and the others are what it had.
	Wrong, Instance, User, Name, Life, Uses string
}

var lives = []Option{{"3600", "1 hour"}, {"86400", "1 day"}, {"604800", "7 days"}, {"2592000", "30 days"}}

func wrongForm(why string) g.Node {
	return g.If(why != "", h.Div(h.Class("note bad"), h.Role("alert"), h.Text(why)))
}

// AskJoin asks for a joining token.
func AskJoin(n NewToken) Content {
	return Ask(Question{Title: "Let an instance join?", Action: TokenPath("join"), Do: "Make the token", Back: PathInstances, Body: g.Group{
		wrongForm(n.Wrong),
		h.P(h.Text("The next page shows a line to run on the host. Whoever runs it joins the cluster as this instance, and gets its nodes with their configuration. If the instance has joined before, the line replaces it only if it is told so there.")),
		Input("Name of the instance", "instance", "text", h.Value(n.Instance), h.Required(), h.MaxLength("200"), h.AutoComplete("off"), h.Placeholder("sensor-1")),
		Select("It can be used for", "life", n.Life, lives),
		Input("How many hosts may use it", "uses", "number", h.Value(n.Uses), h.Min("1"), h.Max("100000"), h.Class("short")),
	}})
}

// AskAPIToken asks for an API token.
func AskAPIToken(n NewToken) Content {
	return Ask(Question{Title: "Make an API token?", Action: TokenPath("api"), Do: "Make the token", Back: PathTokens, Body: g.Group{
		wrongForm(n.Wrong),
		h.P(h.Text("A program that shows the token may do what the user may. The next page shows it, once.")),
		Input("User as whom the program acts", "user", "text", h.Value(n.User), h.Required(), h.MaxLength("200"), h.AutoComplete("off")),
		Input("Name by which people know the token", "name", "text", h.Value(n.Name), h.Required(), h.MaxLength("200"), h.AutoComplete("off"), h.Placeholder("ci")),
		Select("It can be used for", "life", n.Life, append([]Option{{"0", "ever, until it is revoked"}}, append(lives[:len(lives):len(lives)], Option{"31536000", "a year"})...)),
	}})
}

// MadeToken is what the page shows once: a token that was made.
type MadeToken struct {
	api.Token
	// Title says what it is for, and Lines are what to run or to show: one for each address of
	// the controller.
	Title string
	Lines []string
	// Remark says what to do with them, Back is where the user goes on, and Revoke is the path of
	// the page that asks whether it shall be revoked.
	Remark, Back, Revoke string
}

// MadePage shows a token that was made.
func MadePage(m MadeToken) Content {
	if m.Text == "" {
		return Content{Title: m.Title, Body: g.Group{Head(m.Title), Note("good", h.Text(m.Instead)), h.P(ButtonLink(m.Back, "Go on", "primary"))}}
	}
	until := g.Node(h.Text("it is revoked"))
	if !m.Expires.IsZero() {
		until = Moment(m.Expires)
	}
	return Content{Title: m.Title, Body: g.Group{
		Head(m.Title),
		h.Section(h.Class("panel stack"), h.Aria("label", "Token"),
			Note("warn", h.Strong(h.Text("This is shown once. ")), h.Text(m.Remark)),
			g.Group(g.Map(m.Lines, func(line string) g.Node {
				return h.Pre(h.TabIndex("0"), h.Aria("label", "Line to copy"), h.Text(line))
			})),
			Facts(Fact{"For", h.Text(m.For)}, Fact{"Works until", until}, Fact{"Uses", orNil(int64(m.Uses))}, Fact{"Number", h.Text(m.ID)}),
			h.Div(h.Class("actions"), ButtonLink(m.Back, "I have it", "primary"), ButtonLink(m.Revoke, "Revoke it…"))),
	}}
}

// AskRevoke asks whether a token shall be revoked.
func AskRevoke(id string) Content {
	return Ask(Question{Title: "Revoke the token " + id + "?", Action: TokenPath(id, "revoke"), Do: "Revoke it", Danger: true, Back: PathTokens, Body: g.Group{
		h.P(h.Text("Nobody can use it from then on. What has joined with it stays.")),
	}})
}

// Users is what the page of the users shows.
type Users struct {
	Now  time.Time
	List []api.User
	// Self is who looks at the page.
	Self string
}

// UserPath returns the path of what can be done with a user.
func UserPath(name, what string) string { return below(PathUsers, name, what) }

var roleOptions = []Option{{"viewer", "viewer: sees everything but what nodes print"}, {"operator", "operator: deploys, starts and stops, reads output and crashes"}, {"admin", "admin: also users, tokens, certificates and the audit"}}

// UsersPage is the page of the users.
func UsersPage(u Users) Content {
	body := none("There is no user yet.")
	if len(u.List) > 0 {
		body = stacked(tableOf("Users", []string{"User", "Role", "Created", "Last use", ""}, h.TBody(g.Map(u.List, func(one api.User) g.Node {
			return h.Tr(h.Th(h.Scope("row"), h.Text(one.Name), g.If(one.Name == u.Self, h.Span(h.Class("mark"), h.Text("you"))), g.If(one.SSO, h.Span(h.Class("mark"), h.Text("single sign-on")))),
				cell(h.Text(one.Role)), when("Created", Moment(one.Created)), when("Last use", Moment(one.LastUse)),
				cell(h.Div(h.Class("actions"), ButtonLink(UserPath(one.Name, "role"), "Role…", "small"), ButtonLink(withQuery(PathUsers+"/new", "name", one.Name, "role", one.Role), "New login…", "small"),
					ButtonLink(RevokeIdentityPath("user/"+one.Name), "Revoke certificates…", "small"),
					ButtonLink(UserPath(one.Name, "remove"), "Remove…", "small"))))
		}))))
	}
	return Content{Title: "Users", Body: g.Group{
		Head("Users", ButtonLink(PathUsers+"/new", "Add a user…", "primary"), ButtonLink(PathTokens, "Tokens"), ButtonLink(PathCertificates, "Certificates")),
		h.Section(h.Class("panel"), h.Aria("label", "Users"), body),
	}}
}

// AskUser asks for a user to be added.
func AskUser(wrong, name, role string) Content {
	return Ask(Question{Title: "Add a user?", Action: PathUsers + "/new", Do: "Add the user", Back: PathUsers, Body: g.Group{
		wrongForm(wrong),
		h.P(h.Text("The next page shows a login token for the user, once. A user who is known already gets another login, and the role that is chosen here.")),
		Input("Name", "name", "text", h.Value(name), h.Required(), h.MaxLength("200"), h.AutoComplete("off")),
		Select("Role", "role", role, roleOptions), Select("The login token can be used for", "life", "3600", lives),
	}})
}

// AskRole asks for another role of a user.
func AskRole(wrong string, u api.User) Content {
	return Ask(Question{Title: "Change the role of " + u.Name + "?", Action: UserPath(u.Name, "role"), Do: "Change the role", Back: PathUsers, Body: g.Group{
		wrongForm(wrong),
		h.P(h.Text("It counts at once, also for sessions, certificates and API tokens that the user has.")),
		Select("Role", "role", u.Role, roleOptions),
	}})
}

// AskRemove asks whether a user shall be removed.
func AskRemove(wrong, name string) Content {
	return Ask(Question{Title: "Remove " + name + "?", Action: UserPath(name, "remove"), Do: "Remove the user", Danger: true, Back: PathUsers, Body: g.Group{
		wrongForm(wrong),
		h.P(h.Text("All sessions, certificates and API tokens of the user end at once. What the user has done stays in the audit.")),
	}})
}
