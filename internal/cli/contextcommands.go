package cli

import (
	"context"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// ContextCommands runs the commands about contexts, which ask no controller. Each
// exported method is one command. It prints its result, and returns an error if it
// failed.
type ContextCommands struct {
	Contexts *Contexts
	Log      *Log
	// Output says how results are printed, and where.
	Output show.Settings
	Now    func() time.Time
}

// List prints the contexts, with a star before the current one.
func (c ContextCommands) List() error {
	list, current, err := c.Contexts.List()
	if err != nil {
		return err
	}
	if len(list) == 0 && c.Output.Chosen() == show.AsTable {
		c.Log.Notice("there are no contexts: zeekfleet login makes one")
		return nil
	}
	contexts := documents{}
	for _, one := range list {
		contexts = append(contexts, c.describe(one, current))
	}
	return show.Print(c.Output, contexts, func() show.Table {
		table := show.Table{Columns: show.Heads(" ", "NAME", "CONTROLLER", "USER", "EXPIRES")}
		for _, one := range list {
			mark := ""
			if one.Name == current {
				mark = "*"
			}
			table.Rows = append(table.Rows, show.Row(mark, one.Name, strings.Join(one.addresses(), ", "), one.User, c.expires(one)))
		}
		return table
	})
}

// expires returns when the certificate of a context expires, or why nobody can tell.
func (c ContextCommands) expires(one Context) string {
	own, err := one.Credentials()
	if err != nil {
		return "unusable"
	}
	end := own.Certificate.NotAfter
	if c.Now().After(end) {
		return "expired"
	}
	return end.Local().Format(timeForm)
}

func (c ContextCommands) describe(one Context, current string) document {
	d := document{
		"name": one.Name, "controller": one.Controller, "cluster": one.Cluster, "user": one.User,
		"directory": one.Directory, "current": one.Name == current, "expires": nil,
	}
	if len(one.Others) > 0 {
		d["others"] = one.Others
	}
	if own, err := one.Credentials(); err == nil {
		d["expires"] = own.Certificate.NotAfter.UTC().Format(time.RFC3339)
	}
	return d
}

// Use makes the context with this name the current one.
func (c ContextCommands) Use(name string) error { return c.Contexts.Use(name) }

// Show prints one context. An empty name stands for the current one.
func (c ContextCommands) Show(name string) error {
	one, err := c.find(name)
	if err != nil {
		return err
	}
	_, current, err := c.Contexts.List()
	if err != nil {
		return err
	}
	own, err := one.Credentials()
	if err != nil && c.Output.Chosen() == show.AsTable {
		return err
	}
	return show.PrintPage(c.Output, c.describe(*one, current), func() show.Page {
		return show.Page{show.Facts{
			fact("context", one.Name), fact("controller", strings.Join(one.addresses(), ", ")), fact("cluster", one.Cluster), fact("user", one.User),
			fact("directory", one.Directory), fact("expires", own.Certificate.NotAfter.Local().Format(timeForm)),
		}}
	})
}

// Move notes that the controller of a context is at another address, or that its controllers
// are at these, which commas part. An empty name stands for the current context. Nothing is
// noted unless a controller of the same cluster answers there, with a certificate of the
// authorities that the context knows.
func (c ContextCommands) Move(ctx context.Context, name, address string) error {
	address, others, err := splitAddresses(address)
	if err != nil {
		return usageError("--controller: %v", err)
	}
	one, err := c.find(name)
	if err != nil {
		return err
	}
	own, err := one.Credentials()
	if err != nil {
		return err
	}
	if err := one.CheckValid(own, c.Now()); err != nil {
		return err
	}
	client, err := api.New(api.Config{Address: address, Others: others, TLS: own.TLS(address)})
	if err != nil {
		return err
	}
	defer client.Close()
	who, err := client.WhoAmI(ctx)
	if err != nil {
		return loginMessage(address, err)
	}
	address, others = learned(client.Address(), nil, append([]string{address}, others...))
	if err := c.Contexts.SetControllers(one.Name, address, others); err != nil {
		return err
	}
	c.Log.Notice("the controller of context %s is at %s now, and knows user %s (%s)", one.Name, address, who.Name, who.Role)
	return nil
}

// Logout removes the context with this name, or the current one.
func (c ContextCommands) Logout(name string) error {
	one, err := c.find(name)
	if err != nil {
		return err
	}
	own, unusable := one.Credentials()
	if err := c.Contexts.Remove(one.Name); err != nil {
		return err
	}
	c.Log.Notice("context %s is removed from this host, with its key", one.Name)
	if err := c.tellNext(); err != nil {
		return err
	}
	if unusable == nil && c.Now().Before(own.Certificate.NotAfter) {
		c.Log.Notice("the certificate stays valid for whoever has a copy of the key; if there may be one, an admin revokes it: zeekfleet cert revoke %s", identity.Serial(own.Certificate))
	}
	return nil
}

// tellNext says what commands ask after a context was removed.
func (c ContextCommands) tellNext() error {
	list, current, err := c.Contexts.List()
	if err != nil || current != "" {
		return err
	}
	var names []string
	for _, one := range list {
		names = append(names, one.Name)
	}
	if len(names) > 0 {
		c.Log.Notice("no context is the current one now, so commands ask the controller of this host; zeekfleet context use NAME chooses one: %s", few(names))
	}
	return nil
}

func (c ContextCommands) find(name string) (*Context, error) {
	one, err := c.Contexts.Find(name)
	if err == nil && one == nil {
		err = errNoCurrent
	}
	return one, err
}
