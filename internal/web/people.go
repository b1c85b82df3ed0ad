package web

import (
	"context"
	"net/http"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
)

// people are the operations on tokens and users.
type people struct{ *Server }

// registerTokens adds the tokens.
func (a *routes) registerTokens() {
	register(a, operation{
		id: "list-tokens", method: http.MethodGet, path: api.PathTokens, may: access.RowOf(access.ListTokens{}),
		summary: "List the tokens, without their secrets",
	}, people{a.s}.listTokens)
	register(a, operation{
		id: "create-token", method: http.MethodPost, path: api.PathTokens, may: access.RowOf(access.CreateToken{}), status: http.StatusCreated,
		summary: "Make a joining token of an instance or of a controller, or an API token of a user",
		errors:  []int{http.StatusNotFound, http.StatusInsufficientStorage},
	}, people{a.s}.createToken)
	register(a, operation{
		id: "revoke-token", method: http.MethodDelete, path: api.PathTokens + "/{id}", may: access.RowOf(access.RevokeToken{}), status: http.StatusNoContent,
		summary: "Revoke a token", errors: []int{http.StatusNotFound},
	}, people{a.s}.revokeToken)
}

// registerOwnTokens adds the API tokens of the user who asks.
func (a *routes) registerOwnTokens() {
	register(a, operation{
		id: "list-own-tokens", method: http.MethodGet, path: api.PathOwnTokens, may: access.RowOf(access.ListOwnTokens{}),
		summary: "List the API tokens of the user who asks, without their secrets",
	}, people{a.s}.listOwnTokens)
	register(a, operation{
		id: "create-own-token", method: http.MethodPost, path: api.PathOwnTokens, may: access.RowOf(access.CreateOwnToken{}), status: http.StatusCreated,
		summary: "Make an API token of the user who asks",
		details: "A request that itself shows an API token makes none: whoever has found a token could make others of it.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusInsufficientStorage},
	}, people{a.s}.createOwnToken)
	register(a, operation{
		id: "revoke-own-token", method: http.MethodDelete, path: api.PathOwnTokens + "/{id}", may: access.RowOf(access.RevokeOwnToken{}), status: http.StatusNoContent,
		summary: "Revoke an API token of the user who asks", errors: []int{http.StatusNotFound},
	}, people{a.s}.revokeOwnToken)
}

// registerUsers adds the users.
func (a *routes) registerUsers() {
	register(a, operation{
		id: "list-users", method: http.MethodGet, path: api.PathUsers, may: access.RowOf(access.ListUsers{}),
		summary: "List the users",
	}, people{a.s}.listUsers)
	register(a, operation{
		id: "add-user", method: http.MethodPost, path: api.PathUsers, may: access.RowOf(access.AddUser{}), status: http.StatusCreated,
		summary: "Add a user, or give a known user another login",
		details: "A controller that signs no certificates answers without a token: \"instead\" says what the user shows.",
		errors:  []int{http.StatusConflict, http.StatusInsufficientStorage},
	}, people{a.s}.addUser)
	register(a, operation{
		id: "set-role", method: http.MethodPut, path: api.PathUsers + "/{name}", may: access.RowOf(access.SetRole{}), status: http.StatusNoContent,
		summary: "Change the role of a user", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, people{a.s}.setRole)
	register(a, operation{
		id: "remove-user", method: http.MethodDelete, path: api.PathUsers + "/{name}", may: access.RowOf(access.RemoveUser{}), status: http.StatusNoContent,
		summary: "Remove a user, with all certificates, sessions and API tokens", errors: []int{http.StatusNotFound, http.StatusConflict},
	}, people{a.s}.removeUser)
}

func (s people) listTokens(ctx context.Context, in *PageInput) (*pageOutput[api.Token], error) {
	return s.tokensOf(ctx, in, access.ListTokens{})
}

func (s people) listOwnTokens(ctx context.Context, in *PageInput) (*pageOutput[api.Token], error) {
	return s.tokensOf(ctx, in, access.ListOwnTokens{})
}

// tokensOf lists the tokens for which a request asks.
func (s people) tokensOf(ctx context.Context, in *PageInput, req access.Request) (*pageOutput[api.Token], error) {
	found, err := ask[access.Tokens](ctx, s.Server, req)
	if err != nil {
		return nil, err
	}
	var list []api.Token
	for _, t := range found {
		list = append(list, token(t))
	}
	return &pageOutput[api.Token]{paged(list, *in, func(t api.Token) string { return t.ID })}, nil
}

func token(t access.TokenInfo) api.Token {
	one := api.Token{
		ID: t.ID, For: t.For.String(), Kind: api.JoinToken, Name: t.Name, By: t.By,
		Created: utc(t.Created), Expires: utc(t.Expires), Uses: t.Uses, LastUse: utc(t.LastUse),
	}
	switch {
	case t.API:
		one.Kind = api.APIToken
	case t.For.Kind == "user":
		one.Kind = api.LoginToken
	}
	return one
}

func (s people) createToken(ctx context.Context, in *bodyInput[api.TokenRequest]) (*bodyOutput[api.Token], error) {
	var req access.Request
	switch b := in.Body; {
	case countSet(b.Instance, b.Controller, b.User) != 1:
		return nil, problem(http.StatusUnprocessableEntity, "name either the instance or the controller that may join, or the user of an API token")
	case b.User == "" && b.Name != "", b.User != "" && b.Uses != 0:
		return nil, problem(http.StatusUnprocessableEntity, "a joining token has no name, and an API token has no number of uses")
	case b.Controller != "" && s.cfg.Controllers == nil:
		return nil, refused(errOneController)
	case b.User == "":
		req = access.CreateToken{Instance: b.Instance, Controller: b.Controller, TTL: seconds(b.TTL), Uses: b.Uses}
	default:
		req = access.CreateAPIToken{User: b.User, Name: b.Name, TTL: seconds(b.TTL)}
	}
	made, err := ask[access.Token](ctx, s.Server, req)
	if err != nil {
		return nil, err
	}
	return newToken(made), nil
}

// countSet returns how many texts are not empty.
func countSet(texts ...string) int {
	n := 0
	for _, text := range texts {
		if text != "" {
			n++
		}
	}
	return n
}

func (s people) createOwnToken(ctx context.Context, in *bodyInput[api.OwnTokenRequest]) (*bodyOutput[api.Token], error) {
	if who := askerOf(ctx); who.bearer {
		const why = "an API token makes no API tokens: log in with a certificate (zeekfleet login), or on the page"
		s.refusing(who, access.RowOf(access.CreateOwnToken{}).Name, "", why)
		return nil, problem(http.StatusForbidden, why)
	}
	made, err := ask[access.Token](ctx, s.Server, access.CreateOwnToken{Name: in.Body.Name, TTL: seconds(in.Body.TTL)})
	if err != nil {
		return nil, err
	}
	return newToken(made), nil
}

func (s people) revokeOwnToken(ctx context.Context, in *idInput) (*struct{}, error) {
	_, err := ask[access.Done](ctx, s.Server, access.RevokeOwnToken{ID: in.ID})
	return nil, err
}

func newToken(made access.Token) *bodyOutput[api.Token] {
	t := token(made.TokenInfo)
	t.Text, t.Instead = made.Text, made.Instead
	return &bodyOutput[api.Token]{t}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

type idInput struct {
	ID string `path:"id" maxLength:"100"`
}

func (s people) revokeToken(ctx context.Context, in *idInput) (*struct{}, error) {
	_, err := ask[access.Done](ctx, s.Server, access.RevokeToken{ID: in.ID})
	return nil, err
}

func (s people) listUsers(ctx context.Context, in *PageInput) (*pageOutput[api.User], error) {
	found, err := ask[access.Users](ctx, s.Server, access.ListUsers{})
	if err != nil {
		return nil, err
	}
	var list []api.User
	for _, u := range found {
		list = append(list, api.User{Name: u.Name, Role: u.Role.String(), Created: utc(u.Created), SSO: u.SSO, LastUse: utc(u.LastUse)})
	}
	return &pageOutput[api.User]{paged(list, *in, func(u api.User) string { return u.Name })}, nil
}

func (s people) addUser(ctx context.Context, in *bodyInput[api.UserRequest]) (*bodyOutput[api.Token], error) {
	role, err := access.ParseRole(in.Body.Role)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	made, err := ask[access.Token](ctx, s.Server, access.AddUser{Name: in.Body.Name, Role: role, TTL: seconds(in.Body.TTL)})
	if err != nil {
		return nil, err
	}
	return newToken(made), nil
}

type NameInput struct {
	Name string `path:"name" maxLength:"300"`
}

type roleInput struct {
	NameInput
	Body api.RoleRequest
}

func (s people) setRole(ctx context.Context, in *roleInput) (*struct{}, error) {
	role, err := access.ParseRole(in.Body.Role)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	_, err = ask[access.Done](ctx, s.Server, access.SetRole{Name: in.Name, Role: role})
	return nil, err
}

func (s people) removeUser(ctx context.Context, in *NameInput) (*struct{}, error) {
	_, err := ask[access.Done](ctx, s.Server, access.RemoveUser{Name: in.Name})
	if err == nil {
		s.sessions.endOf(func(user string) bool { return user == in.Name })
	}
	return nil, err
}
