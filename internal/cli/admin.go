package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// Admin runs the commands that say who may do what. They ask the controller through its
// HTTP API. Each exported method is one command, and returns the exit status.
type Admin struct {
	*Commands
}

// output returns how results are printed. Without a terminal, they are tables nevertheless:
// these commands are older than Output, and scripts read what they print.
func (a Admin) output() show.Settings {
	out := a.Commands.output()
	out.Piped = show.AsTable
	return out
}

// asData reports whether the user wants data, in the form of the API.
func (a Admin) asData() bool { return a.output().Chosen() != show.AsTable }

// printData prints an answer of the API as data.
func (a Admin) printData(v any) error { return show.Print(a.output(), v, nil) }

// ask calls then with a client of the controller. It prints the error of then. These
// requests have secrets.
func (a Admin) ask(ctx context.Context, then func(*api.Client) error) int {
	return a.asking(ctx, nil, then)
}

// renewContext renews the certificate of the context that was used, if two thirds of its
// life are over, or if another authority signs now. It fails no command: later commands
// try again, and warn when little of the life is left.
func (c *Commands) renewContext(ctx context.Context) {
	used, own := c.Settings.Context, c.own
	if used == nil || own == nil {
		return
	}
	due := c.authorityReplaced || time.Now().After(identity.RenewAt(own.Certificate))
	if !due && !own.hearsOfAnother() {
		return
	}
	renewed, err := c.renewCredentials(ctx, used, own, due)
	switch {
	case err != nil:
		say := c.Log.Info
		if c.authorityReplaced || endNear(own.Certificate, time.Now()) {
			say = c.Log.Warning
		}
		say("the certificate of context %s expires at %s, and cannot be renewed: %v",
			quote(used.Name), own.Certificate.NotAfter.Local().Format(timeForm), err)
	case renewed:
		c.Log.Info("renewed the certificate of context %s", quote(used.Name))
	}
}

// renewTimeout bounds a renewal, for which the user of a command has not asked.
const renewTimeout = 5 * time.Second

// renewCredentials renews the certificate of a context. If it is not due, the controller
// is asked first whether another authority signs now.
func (c *Commands) renewCredentials(ctx context.Context, used *Context, own *Credentials, due bool) (renewed bool, err error) {
	where := c.where()
	client, err := api.New(api.Config{Address: where, Others: c.Settings.Others, TLS: own.TLS(where), Timeout: min(renewTimeout, c.Settings.RequestTimeout)})
	if err != nil {
		return false, err
	}
	defer client.Close()
	if !due {
		root, err := client.Root(ctx)
		if err != nil || own.signedBy(root.Authority) {
			return false, err
		}
	}
	// The key stays, so that replacing one file is enough.
	request, err := identity.NewRequest(identity.Identity{Kind: identity.User, Name: used.User}, own.Key)
	if err != nil {
		return false, err
	}
	signed, err := client.Renew(ctx, api.RenewRequest{Key: string(request)})
	if err != nil {
		return false, err
	}
	if told, err := client.Controllers(ctx); err == nil {
		c.told, c.answered = &told, client.Address()
	}
	return true, used.Renewed(own, []byte(signed.Certificate), []byte(signed.Authorities))
}

// printList prints a list.
func printList[T any](a Admin, list []T, columns []show.Column, row func(T) []string) error {
	if list == nil {
		list = []T{}
	}
	return show.Print(a.output(), list, func() show.Table {
		table := show.Table{Columns: columns}
		for _, one := range list {
			table.Rows = append(table.Rows, show.Row(row(one)...))
		}
		return table
	})
}

// fact returns a line of a page.
func fact(name, text string) show.Fact { return show.Fact{Name: name, Cell: show.Cell{Text: text}} }

// local returns a time for a person, and none for the zero time.
func local(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.Local().Format(timeForm)
}

// inUTC returns a time of a table, whose head says that it is UTC. The zone in each row would
// make tables too wide for a terminal.
func inUTC(t time.Time, form string) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(form)
}

// The forms of times in tables.
const (
	toTheSecond = "2006-01-02 15:04:05"
	toTheMinute = "2006-01-02 15:04"
)

// ttlSeconds returns a time to live as the API has it.
func ttlSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// ParseTTL parses a time such as 90m, 36h or 30d.
func ParseTTL(text string) (time.Duration, error) {
	var d time.Duration
	var err error
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	} else {
		d, err = time.ParseDuration(text)
	}
	if err != nil || d < time.Second {
		return 0, errors.New("not a time of a second or more, such as 30m, 12h or 30d")
	}
	return d, nil
}
