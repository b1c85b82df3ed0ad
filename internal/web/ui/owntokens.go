package ui

import (
	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// OwnTokenPath returns the path of what can be done with the API tokens of the user: "new" makes
// one.
func OwnTokenPath(names ...string) string { return below(PathOwnTokens, names...) }

// OwnTokensPage lists the API tokens of the user.
func OwnTokensPage(user string, list []api.Token) Content {
	body := none("You have no API token. A program shows one in place of a login.")
	if len(list) > 0 {
		body = stacked(tableOf("Your API tokens", []string{"Token", "Name", "By", "Created", "Until", "Last use", ""}, h.TBody(g.Map(list, func(t api.Token) g.Node {
			return h.Tr(h.Th(h.Scope("row"), h.Class("mono"), h.Text(t.ID)), cell(h.Text(t.Name)), cell(h.Text(t.By)), when("Created", Moment(t.Created)), when("Until", tokenEnd(t)),
				when("Last use", Moment(t.LastUse)), cell(ButtonLink(OwnTokenPath(t.ID, "revoke"), "Revoke…", "small")))
		}))))
	}
	return Content{Title: "Your API tokens", Body: g.Group{
		Head("API tokens of "+user, ButtonLink(OwnTokenPath("new"), "Make an API token…", "primary")),
		h.Section(h.Class("panel"), h.Aria("label", "Your API tokens"), body),
	}}
}

// tokenEnd says until when a token works.
func tokenEnd(t api.Token) g.Node {
	if t.Expires.IsZero() {
		return h.Text("it is revoked")
	}
	return Moment(t.Expires)
}

// AskOwnToken asks for an API token of the user.
func AskOwnToken(n NewToken) Content {
	return Ask(Question{Title: "Make an API token?", Action: OwnTokenPath("new"), Do: "Make the token", Back: PathOwnTokens, Body: g.Group{
		wrongForm(n.Wrong),
		h.P(h.Text("A program that shows the token may do what you may, also when your role changes. The next page shows it, once.")),
		Input("Name by which people know the token", "name", "text", h.Value(n.Name), h.Required(), h.MaxLength("200"), h.AutoComplete("off"), h.Placeholder("ci")),
		Select("It can be used for", "life", n.Life, append(lives[:len(lives):len(lives)], Option{"31536000", "a year"}, Option{"0", "ever, until it is revoked"})),
	}})
}

// AskRevokeOwn asks whether an API token of the user shall be revoked.
func AskRevokeOwn(id string) Content {
	return Ask(Question{Title: "Revoke the token " + id + "?", Action: OwnTokenPath(id, "revoke"), Do: "Revoke it", Danger: true, Back: PathOwnTokens, Body: g.Group{
		h.P(h.Text("The programs that show it are refused from then on.")),
	}})
}
