package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// personPages are the pages of tokens and users.
type personPages struct{ pages }

// registerTokenPages adds the pages that make, list and revoke tokens.
func (a *routes) registerTokenPages() {
	s, in := personPages{pages{a.s}}, ui.PathInstances
	join, program, revoke := access.RowOf(access.CreateToken{}), access.RowOf(access.CreateAPIToken{}), access.RowOf(access.RevokeToken{})
	a.page(page{pattern: "GET " + ui.PathTokens, may: access.RowOf(access.ListTokens{}), section: in}, s.tokens)
	a.page(page{pattern: "GET " + ui.PathTokens + "/join", may: join, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskJoin(ui.NewToken{Instance: clip(v.URL.Query().Get("instance"), 200), Uses: "1"}))
	})
	a.page(page{pattern: "POST " + ui.PathTokens + "/join", may: join, section: in}, s.makeJoinToken)
	a.page(page{pattern: "GET " + ui.PathTokens + "/api", may: program, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskAPIToken(ui.NewToken{User: v.who.Name}))
	})
	a.page(page{pattern: "POST " + ui.PathTokens + "/api", may: program, section: in}, s.makeAPIToken)
	a.page(page{pattern: "GET " + ui.PathTokens + "/{id}/revoke", may: revoke, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskRevoke(clip(v.PathValue("id"), 100)))
	})
	a.page(page{pattern: "POST " + ui.PathTokens + "/{id}/revoke", may: revoke, section: in}, s.revokeTokenAsked)
}

// registerCertificatePages adds the pages that list and revoke certificates.
func (a *routes) registerCertificatePages() {
	s, in, revoke := personPages{pages{a.s}}, ui.PathUsers, access.RowOf(access.RevokeCertificate{})
	a.page(page{pattern: "GET " + ui.PathCertificates, may: access.RowOf(access.ListCertificates{}), section: in}, func(v *visit) (shown, error) {
		found, err := certificates(s.pages).listCertificates(v.Context(), &PageInput{Limit: maxNodes})
		if err != nil {
			return shown{}, err
		}
		return show(ui.CertificatesPage(time.Now(), found.Body.Items))
	})
	a.page(page{pattern: "GET " + ui.PathCertificates + "/{serial}/revoke", may: revoke, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskRevokeCertificate("", clip(v.PathValue("serial"), 64), ""))
	})
	a.page(page{pattern: "GET " + ui.PathCertificates + "/revoke", may: revoke, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskRevokeCertificate("", "", clip(v.URL.Query().Get("identity"), 300)))
	})
	a.page(page{pattern: "POST " + ui.PathCertificates + "/{serial}/revoke", may: revoke, section: in}, func(v *visit) (shown, error) {
		return s.revokeCertificates(v, api.RevokeRequest{Serial: clip(v.PathValue("serial"), 64)})
	})
	a.page(page{pattern: "POST " + ui.PathCertificates + "/revoke", may: revoke, section: in}, func(v *visit) (shown, error) {
		if err := v.readForm(); err != nil {
			return shown{}, err
		}
		return s.revokeCertificates(v, api.RevokeRequest{Identity: clip(v.field("identity"), 300)})
	})
}

func (s personPages) revokeCertificates(v *visit, req api.RevokeRequest) (shown, error) {
	if _, err := certificates(s.pages).revoke(v.Context(), &bodyInput[api.RevokeRequest]{req}); err != nil {
		return again(err, func(wrong string) ui.Content { return ui.AskRevokeCertificate(wrong, req.Serial, req.Identity) })
	}
	return goTo(ui.PathCertificates)
}

// registerOwnTokenPages adds the pages of the API tokens of the user who looks.
func (a *routes) registerOwnTokenPages() {
	s, create, revoke := personPages{pages{a.s}}, access.RowOf(access.CreateOwnToken{}), access.RowOf(access.RevokeOwnToken{})
	a.page(page{pattern: "GET " + ui.PathOwnTokens, may: access.RowOf(access.ListOwnTokens{})}, func(v *visit) (shown, error) {
		found, err := people(s.pages).listOwnTokens(v.Context(), &PageInput{Limit: maxNodes})
		if err != nil {
			return shown{}, err
		}
		return show(ui.OwnTokensPage(v.who.Name, found.Body.Items))
	})
	a.page(page{pattern: "GET " + ui.PathOwnTokens + "/new", may: create}, func(v *visit) (shown, error) {
		return show(ui.AskOwnToken(ui.NewToken{Life: "2592000"}))
	})
	a.page(page{pattern: "POST " + ui.PathOwnTokens + "/new", may: create}, s.makeOwnToken)
	a.page(page{pattern: "GET " + ui.PathOwnTokens + "/{id}/revoke", may: revoke}, func(v *visit) (shown, error) {
		return show(ui.AskRevokeOwn(clip(v.PathValue("id"), 100)))
	})
	a.page(page{pattern: "POST " + ui.PathOwnTokens + "/{id}/revoke", may: revoke}, func(v *visit) (shown, error) {
		if _, err := people(s.pages).revokeOwnToken(v.Context(), &idInput{ID: clip(v.PathValue("id"), 100)}); err != nil {
			return shown{}, err
		}
		return goTo(ui.PathOwnTokens)
	})
}

func (s personPages) makeOwnToken(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	name, err := v.name("name", "the name of a token")
	life, lifeErr := v.wholeNumber("life", "how long it can be used", 0, maxLife)
	form := func(wrong string) ui.Content {
		return ui.AskOwnToken(ui.NewToken{Wrong: wrong, Name: name, Life: v.field("life")})
	}
	if err := cmp.Or(err, lifeErr); err != nil {
		return again(err, form)
	}
	made, err := people(s.pages).createOwnToken(v.Context(), &bodyInput[api.OwnTokenRequest]{api.OwnTokenRequest{Name: name, TTL: life}})
	if err != nil {
		return again(err, form)
	}
	return show(ui.MadePage(ui.MadeToken{
		Token: made.Body, Title: "The API token " + name, Lines: []string{made.Body.Text}, Back: ui.PathOwnTokens, Revoke: ui.OwnTokenPath(made.Body.ID, "revoke"),
		Remark: "A program shows it in the header Authorization: Bearer, and acts as you.",
	}))
}

// registerUserPages adds the pages of the users.
func (a *routes) registerUserPages() {
	s, in, one := personPages{pages{a.s}}, ui.PathUsers, ui.PathUsers+"/{name}/"
	add, role, remove := access.RowOf(access.AddUser{}), access.RowOf(access.SetRole{}), access.RowOf(access.RemoveUser{})
	a.page(page{pattern: "GET " + ui.PathUsers, may: access.RowOf(access.ListUsers{}), section: in}, s.users)
	a.page(page{pattern: "GET " + ui.PathUsers + "/new", may: add, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskUser("", clip(v.URL.Query().Get("name"), 200), v.URL.Query().Get("role")))
	})
	a.page(page{pattern: "POST " + ui.PathUsers + "/new", may: add, section: in}, s.makeUser)
	a.page(page{pattern: "GET " + one + "role", may: role, section: in}, s.askRole)
	a.page(page{pattern: "POST " + one + "role", may: role, section: in}, s.changeRole)
	a.page(page{pattern: "GET " + one + "remove", may: remove, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskRemove("", v.PathValue("name")))
	})
	a.page(page{pattern: "POST " + one + "remove", may: remove, section: in}, s.removeUserAsked)
}

func (s personPages) tokens(v *visit) (shown, error) {
	found, err := people(s.pages).listTokens(v.Context(), &PageInput{Limit: maxNodes})
	if err != nil {
		return shown{}, err
	}
	return show(ui.TokensPage(found.Body.Items))
}

// again shows a form once more, with why it was not accepted. An error that is not about what the
// user wrote is one of the page.
func again(err error, form func(wrong string) ui.Content) (shown, error) {
	switch status := statusOf(err); status {
	case http.StatusUnprocessableEntity, http.StatusConflict, http.StatusNotFound, http.StatusInsufficientStorage:
		return shown{Content: form(err.Error()), status: status}, nil
	}
	return shown{}, err
}

// wholeNumber returns the number in a field of a form, from least to most.
func (v *visit) wholeNumber(name, what string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(v.field(name), 10, 64)
	if err != nil || n < least || n > most {
		return 0, problem(http.StatusUnprocessableEntity, fmt.Sprintf("%s is a number from %d to %d", what, least, most))
	}
	return n, nil
}

// name returns a field of a form that is a name.
func (v *visit) name(field, what string) (string, error) {
	text := v.field(field)
	if text == "" || len(text) > 200 {
		return text, problem(http.StatusUnprocessableEntity, what+" has 1 to 200 characters")
	}
	return text, nil
}

// maxLife bounds the life of a token, in seconds.
const maxLife = 100 * 366 * 24 * 3600

func (s personPages) makeJoinToken(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	instance, err := v.name("instance", "the name of an instance")
	life, lifeErr := v.wholeNumber("life", "how long it can be used", 1, maxLife)
	uses, usesErr := v.wholeNumber("uses", "how many hosts may use it", 1, 100_000)
	form := func(wrong string) ui.Content {
		return ui.AskJoin(ui.NewToken{Wrong: wrong, Instance: instance, Life: v.field("life"), Uses: v.field("uses")})
	}
	if err := cmp.Or(err, lifeErr, usesErr); err != nil {
		return again(err, form)
	}
	made, err := people(s.pages).createToken(v.Context(), &bodyInput[api.TokenRequest]{api.TokenRequest{Instance: instance, TTL: life, Uses: int(uses)}})
	if err != nil {
		return again(err, form)
	}
	m := ui.MadeToken{Token: made.Body, Revoke: ui.TokenPath(made.Body.ID, "revoke"), Title: "Let " + instance + " join", Back: ui.PathInstances, Remark: "Run this line on the host: its agent joins as " + instance + "."}
	for _, at := range s.addresses(v) {
		m.Lines = append(m.Lines, "zeekfleet agent --join "+at+" --token "+made.Body.Text)
	}
	if len(m.Lines) > 1 {
		m.Remark = "Run one of these lines on the host: its agent joins as " + instance + ". There is one for each address of the controller."
	}
	return show(ui.MadePage(m))
}

// maxAddresses bounds the addresses of the controller that a page names.
const maxAddresses = 4

// addresses returns where others find the controller.
func (s personPages) addresses(v *visit) []string {
	if len(s.cfg.Addresses) == 0 {
		return []string{v.Host}
	}
	return s.cfg.Addresses[:min(len(s.cfg.Addresses), maxAddresses)]
}

func (s personPages) makeAPIToken(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	user, err := v.name("user", "the name of a user")
	name, nameErr := v.name("name", "the name of a token")
	life, lifeErr := v.wholeNumber("life", "how long it can be used", 0, maxLife)
	form := func(wrong string) ui.Content {
		return ui.AskAPIToken(ui.NewToken{Wrong: wrong, User: user, Name: name, Life: v.field("life")})
	}
	if err := cmp.Or(err, nameErr, lifeErr); err != nil {
		return again(err, form)
	}
	made, err := people(s.pages).createToken(v.Context(), &bodyInput[api.TokenRequest]{api.TokenRequest{User: user, Name: name, TTL: life}})
	if err != nil {
		return again(err, form)
	}
	return show(ui.MadePage(ui.MadeToken{
		Token: made.Body, Revoke: ui.TokenPath(made.Body.ID, "revoke"), Title: "The API token " + name, Lines: []string{made.Body.Text}, Back: ui.PathTokens,
		Remark: "A program shows it in the header Authorization: Bearer, and acts as " + user + ".",
	}))
}

func (s personPages) revokeTokenAsked(v *visit) (shown, error) {
	if _, err := people(s.pages).revokeToken(v.Context(), &idInput{ID: clip(v.PathValue("id"), 100)}); err != nil {
		return shown{}, err
	}
	return goTo(ui.PathTokens)
}

func (s personPages) users(v *visit) (shown, error) {
	found, err := people(s.pages).listUsers(v.Context(), &PageInput{Limit: maxNodes})
	if err != nil {
		return shown{}, err
	}
	return show(ui.UsersPage(ui.Users{Now: time.Now(), List: found.Body.Items, Self: v.who.Name}))
}

func (s personPages) makeUser(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	name, err := v.name("name", "the name of a user")
	life, lifeErr := v.wholeNumber("life", "how long the login token can be used", 1, maxLife)
	form := func(wrong string) ui.Content { return ui.AskUser(wrong, name, v.field("role")) }
	if err := cmp.Or(err, lifeErr); err != nil {
		return again(err, form)
	}
	made, err := people(s.pages).addUser(v.Context(), &bodyInput[api.UserRequest]{api.UserRequest{Name: name, Role: v.field("role"), TTL: life}})
	if err != nil {
		return again(err, form)
	}
	return show(ui.MadePage(ui.MadeToken{
		Token: made.Body, Revoke: ui.TokenPath(made.Body.ID, "revoke"), Title: "The login of " + name, Lines: []string{made.Body.Text}, Back: ui.PathUsers,
		Remark: fmt.Sprintf("%s logs in with this token, on the page for that, or with: zeekfleet login %s --token TOKEN", name, s.addresses(v)[0]),
	}))
}

// user returns the user whom a path names.
func (s personPages) user(v *visit) (api.User, error) {
	found, err := people(s.pages).listUsers(v.Context(), &PageInput{Limit: maxNodes})
	if err != nil {
		return api.User{}, err
	}
	name := v.PathValue("name")
	i := slices.IndexFunc(found.Body.Items, func(u api.User) bool { return u.Name == name })
	if i < 0 {
		return api.User{}, problem(http.StatusNotFound, fmt.Sprintf("there is no user %.100q", name))
	}
	return found.Body.Items[i], nil
}

func (s personPages) askRole(v *visit) (shown, error) {
	u, err := s.user(v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.AskRole("", u))
}

func (s personPages) changeRole(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	name, role := v.PathValue("name"), v.field("role")
	if _, err := people(s.pages).setRole(v.Context(), &roleInput{NameInput{name}, api.RoleRequest{Role: role}}); err != nil {
		return again(err, func(wrong string) ui.Content { return ui.AskRole(wrong, api.User{Name: name, Role: role}) })
	}
	return goTo(ui.PathUsers)
}

func (s personPages) removeUserAsked(v *visit) (shown, error) {
	name := v.PathValue("name")
	if _, err := people(s.pages).removeUser(v.Context(), &NameInput{name}); err != nil {
		return again(err, func(wrong string) ui.Content { return ui.AskRemove(wrong, name) })
	}
	return goTo(ui.PathUsers)
}
