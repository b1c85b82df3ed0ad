package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// NewToken says which token to make: a joining token of Instance or of Controller, or else an
// API token of User.
type NewToken struct {
	Instance   string
	Controller string
	User, Name string
	// Own means an API token of the user who asks, in place of User.
	Own  bool
	TTL  time.Duration // zero means the controller's default
	Uses int           // zero means once
	// Address is where the one that joins finds the controller: a host, or host:port. Empty means
	// the address that the controller tells.
	Address string
}

// CreateToken makes a token. It prints the line to paste on the host that joins, or the API
// token.
func (a Admin) CreateToken(ctx context.Context, n NewToken) int {
	return a.ask(ctx, func(client *api.Client) error {
		address := ""
		if n.User == "" && !n.Own { // so that a wrong address leaves no token behind
			var err error
			if address, err = a.address(ctx, client, n.Address); err != nil {
				return err
			}
		}
		if n.Own {
			token, err := client.CreateOwnToken(ctx, api.OwnTokenRequest{Name: n.Name, TTL: ttlSeconds(n.TTL)})
			if err != nil {
				return err
			}
			n.User = strings.TrimPrefix(token.For, "user/")
			return a.showAPIToken(token, n)
		}
		token, err := client.CreateToken(ctx, api.TokenRequest{
			Instance: n.Instance, Controller: n.Controller, User: n.User, Name: n.Name, TTL: ttlSeconds(n.TTL), Uses: n.Uses,
		})
		if err != nil {
			return err
		}
		if n.User != "" {
			return a.showAPIToken(token, n)
		}
		a.warnOfLoopback(address)
		if n.Controller != "" {
			return a.showToken(token, "zeekfleet controller join "+address+" --name "+n.Controller+" --token "+token.Text,
				fmt.Sprintf("run this line on the host of the new controller: it joins as %s, once", n.Controller))
		}
		return a.showToken(token, "zeekfleet agent --join "+address+" --token "+token.Text,
			fmt.Sprintf("run this line on the sensor: it joins as %s%s", n.Instance, uses(token.Uses)),
			fmt.Sprintf("on a sensor with services write agent join %s in place of agent --join %s, and then: systemctl enable --now zeekfleet-agent", address, address))
	})
}

func uses(n int) string {
	if n > 1 {
		return fmt.Sprintf(", up to %d times", n)
	}
	return ", once"
}

// showToken prints the line that uses a token, what the line is good for, and what else is to
// be said.
func (a Admin) showToken(token api.Token, line, purpose string, more ...string) error {
	if a.asData() {
		return a.printData(struct {
			api.Token
			Line string `json:"line"`
		}{token, line})
	}
	if _, err := fmt.Fprintln(a.Stdout, line); err != nil {
		return err
	}
	a.Log.Notice("%s, until %s", purpose, local(token.Expires, "it is revoked"))
	for _, text := range more {
		a.Log.Notice("%s", text)
	}
	a.Log.Notice("to revoke the token: zeekfleet token revoke %s", token.ID)
	return nil
}

func (a Admin) showAPIToken(token api.Token, n NewToken) error {
	if a.asData() {
		return a.printData(token)
	}
	if _, err := fmt.Fprintln(a.Stdout, token.Text); err != nil {
		return err
	}
	a.Log.Notice("a program that shows this token acts as user %s, until %s; the token is not shown again", n.User, local(token.Expires, "it is revoked"))
	own := ""
	if n.Own {
		own = "--own "
	}
	a.Log.Notice("a request shows the token in the header Authorization: Bearer; to revoke the token: zeekfleet token revoke %s%s", own, token.ID)
	return nil
}

// address returns where others find the controller, without the port if it is the usual
// one. given is what the user says, or empty.
func (a Admin) address(ctx context.Context, client *api.Client, given string) (string, error) {
	if given != "" {
		full, err := api.JoinPort(given)
		if err != nil {
			return "", err
		}
		return shortAddress(full), client.CheckCalled(ctx, full)
	}
	root, err := client.Root(ctx)
	if err != nil {
		return "", err
	}
	var told string
	if len(root.Addresses) > 0 {
		told = root.Addresses[0]
	}
	return shortAddress(cmp.Or(told, client.Address())), nil
}

// warnOfLoopback warns if the line that uses a token works on this host alone.
func (a Admin) warnOfLoopback(address string) {
	if full, err := api.JoinPort(address); err == nil && api.IsLoopback(full) {
		a.Log.Warning("other hosts cannot reach %s: give the controller --listen-address, or name its address with --address", full)
	}
}

// shortAddress leaves out the usual port.
func shortAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != strconv.Itoa(mgmt.ClientPort) {
		return address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return "[" + host + "]"
	}
	return host
}

// ListTokens prints all tokens, or the API tokens of the user who asks, without their secrets.
func (a Admin) ListTokens(ctx context.Context, own bool) int {
	return a.ask(ctx, func(client *api.Client) error {
		list := client.Tokens
		if own {
			list = client.OwnTokens
		}
		tokens, err := list(ctx)
		if err != nil {
			return err
		}
		columns := show.Heads("ID", "KIND", "FOR", "NAME", "USES", "EXPIRES", "CREATED BY", "LAST USE")
		return printList(a, tokens, columns, func(t api.Token) []string {
			left := "-"
			if t.Kind != api.APIToken {
				left = strconv.Itoa(t.Uses)
			}
			return []string{t.ID, t.Kind, t.For, cmp.Or(t.Name, "-"), left, local(t.Expires, "never"), cmp.Or(t.By, "-"), local(t.LastUse, "-")}
		})
	})
}

// RevokeToken ends a token of any kind, or an API token of the user who asks.
func (a Admin) RevokeToken(ctx context.Context, id string, own bool) int {
	return a.ask(ctx, func(client *api.Client) error {
		revoke := client.RevokeToken
		if own {
			revoke = client.RevokeOwnToken
		}
		if err := revoke(ctx, id); err != nil {
			return err
		}
		a.Log.Notice("token %s is revoked", id)
		return nil
	})
}
