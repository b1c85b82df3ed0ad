package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// NewUser says which user to add.
type NewUser struct {
	Name, Role string
	TTL        time.Duration // of the login token; zero means the controller's default
	Address    string        // see NewToken
}

// AddUser adds a user, and prints the line with which the user logs in.
func (a Admin) AddUser(ctx context.Context, n NewUser) int {
	return a.ask(ctx, func(client *api.Client) error {
		address, err := a.address(ctx, client, n.Address)
		if err != nil {
			return err
		}
		token, err := client.AddUser(ctx, api.UserRequest{Name: n.Name, Role: n.Role, TTL: ttlSeconds(n.TTL)})
		if err != nil {
			return err
		}
		switch {
		case token.Text != "":
			a.warnOfLoopback(address)
		case a.asData():
			return a.printData(token)
		default:
			a.Log.Notice("user %s has the role %s now", n.Name, n.Role)
			a.Log.Notice("%s", token.Instead)
			return nil
		}
		return a.showToken(token, "zeekfleet login "+address+" --token "+token.Text,
			fmt.Sprintf("user %s logs in with this line, once, as %s", n.Name, n.Role))
	})
}

// ListUsers prints all users.
func (a Admin) ListUsers(ctx context.Context) int {
	return a.ask(ctx, func(client *api.Client) error {
		users, err := client.Users(ctx)
		if err != nil {
			return err
		}
		return printList(a, users, show.Heads("NAME", "ROLE", "KNOWN BY", "CREATED", "LAST USE"), func(u api.User) []string {
			by := "certificate"
			if u.SSO {
				by = "single sign-on"
			}
			return []string{u.Name, u.Role, by, local(u.Created, "-"), local(u.LastUse, "-")}
		})
	})
}

// SetRole changes the role of a user.
func (a Admin) SetRole(ctx context.Context, name, role string) int {
	return a.ask(ctx, func(client *api.Client) error {
		if err := client.SetRole(ctx, name, role); err != nil {
			return err
		}
		a.Log.Notice("user %s has the role %s now", name, role)
		return nil
	})
}

// RemoveUser ends a user with all certificates and API tokens.
func (a Admin) RemoveUser(ctx context.Context, name string) int {
	return a.ask(ctx, func(client *api.Client) error {
		if err := client.RemoveUser(ctx, name); err != nil {
			return err
		}
		a.Log.Notice("user %s is removed; all certificates and tokens of this user are revoked", name)
		return nil
	})
}

// WhoAmI prints who asks, as the controller sees it.
func (a Admin) WhoAmI(ctx context.Context) int {
	return a.ask(ctx, func(client *api.Client) error {
		who, err := client.WhoAmI(ctx)
		if err != nil {
			return err
		}
		if a.asData() {
			return a.printData(who)
		}
		text := fmt.Sprintf("%s, %s at controller %s", who.Name, who.Role, client.Address())
		if who.Source != "" && !strings.Contains(who.Name, who.Source) {
			text += ", from " + who.Source
		}
		_, err = fmt.Fprintln(a.Stdout, Printable(text))
		return err
	})
}
