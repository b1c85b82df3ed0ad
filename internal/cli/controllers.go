package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Controlling has the commands about the controllers of a cluster.
type Controlling struct{ Fleet }

// controllersInterval is the time between two looks at the controllers.
const controllersInterval = time.Second

// Controllers lists the controllers of the cluster. With follow it goes on on the terminal
// until the user leaves.
func (f Controlling) Controllers(ctx context.Context, follow bool) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := f.look(ctx, c)
		if err != nil {
			return err
		}
		if !follow {
			return f.printPage(list, func() show.Page { return controllersPage(list, time.Now()) })
		}
		w := live.Watcher{
			Follower: live.Follower{Output: f.output(), In: f.Keys, Environment: f.Environment, IsAway: f.goesOn},
			Stream:   everySecond,
			Look: func(ctx context.Context) (live.Scene, error) {
				list, err := f.look(ctx, c)
				return live.Scene{Draw: func(now time.Time, _ int) (show.Page, show.Table) {
					return append(controllersHead(list, now), show.Blank()), controllersTable(list)
				}}, err
			},
		}
		if !w.Drawn() || f.Keys == nil {
			return errors.New("--follow draws on a terminal, and there is none: zeekfleet events --follow prints what happens, a line each")
		}
		return w.Run(ctx)
	})
}

// look asks for the controllers, and keeps what they tell for the context.
func (f Controlling) look(ctx context.Context, c *api.Client) (api.Controllers, error) {
	list, err := c.Controllers(ctx)
	if err == nil {
		f.told = &list
	}
	return list, err
}

// everySecond calls each again and again.
func everySecond(ctx context.Context, each func([]show.Cell)) error {
	for {
		select {
		case <-time.After(controllersInterval):
			each(nil)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// controllersPage is what a person sees of the controllers.
func controllersPage(list api.Controllers, now time.Time) show.Page {
	page := append(controllersHead(list, now), show.Blank(), controllersTable(list))
	if len(list.Store) > 0 {
		store := list
		store.Members = list.Store
		page = append(page, show.Blank(), show.Text{Text: "The store, which the site runs:"}, controllersTable(store))
	}
	return page
}

// controllersHead says who leads.
func controllersHead(list api.Controllers, now time.Time) show.Page {
	switch {
	case list.Term == 0 && len(list.Members) == 1:
		return show.Page{show.Text{Text: "Controller " + list.Self + " has no others."}}
	case list.Leader == "":
		return show.Page{show.Text{Text: "No controller leads.", Tone: show.Bad}}
	}
	text := fmt.Sprintf("Controller %s leads, in term %d", list.Leader, list.Term)
	if !list.Since.IsZero() && list.Self == list.Leader { // others only know since when they have known it
		text += ", for " + ago(now, list.Since)
	}
	return show.Page{show.Text{Text: text + ".", Tone: show.Good}}
}

func controllersTable(list api.Controllers) show.Table {
	table := show.Table{Columns: []show.Column{
		{Head: "NAME", Least: 8}, {Head: "ROLE"}, {Head: "VERSION", Drop: 3, Optional: true}, {Head: "CLIENTS", Least: 16, Wraps: true, Drop: 2, Optional: true},
		{Head: "LAG", Right: true, Optional: true}, {Head: "DISK", Right: true, Drop: 1, Optional: true}, {Head: "NOTE", Least: 16, Wraps: true, Optional: true},
	}}
	for _, m := range list.Members {
		notes := m.Alarms
		if m.Err != "" {
			notes = append([]string{m.Err}, notes...)
		}
		row := show.Row(m.Name, m.Role, m.Version, strings.Join(m.Clients, ", "), lagText(m), diskText(m), strings.Join(notes, "; "))
		row[1].Tone = controllerTone(m)
		if len(m.Alarms) > 0 {
			row[6].Tone = show.Bad
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// controllerTone says how bad it is that a controller is what it is.
func controllerTone(m api.ControllerMember) show.Tone {
	switch m.Role {
	case api.ControllerLeads:
		return show.Good
	case api.ControllerAway:
		return show.Bad
	case api.ControllerLearns:
		return show.Warning
	}
	return show.Plain
}

// lagText says how many entries a store is behind, if there is a store.
func lagText(m api.ControllerMember) string {
	if m.Quota == 0 || m.Role == api.ControllerAway {
		return ""
	}
	return strconv.FormatUint(m.Lag, 10)
}

// diskText says how full a store is.
func diskText(m api.ControllerMember) string {
	if m.Quota == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s", bytesText(uint64(max(m.Bytes, 0))), bytesText(uint64(m.Quota)))
}

// controllersText says in a line of the status which controllers there are.
func controllersText(list *api.Controllers) string {
	var text strings.Builder
	text.WriteString(cmp.Or(list.Leader, "none") + " leads")
	if list.Term > 0 {
		text.WriteString(fmt.Sprintf(" in term %d", list.Term))
	}
	others := map[string][]string{}
	var notes []string
	for _, m := range list.Members {
		if m.Role != api.ControllerLeads {
			others[m.Role] = append(others[m.Role], m.Name)
		}
		for _, alarm := range m.Alarms {
			notes = append(notes, m.Name+": "+alarm)
		}
		if m.Lag > shownLag {
			notes = append(notes, fmt.Sprintf("%s is %d entries behind", m.Name, m.Lag))
		}
	}
	for _, role := range []struct{ name, one, more string }{
		{api.ControllerFollows, "follows", "follow"}, {api.ControllerLearns, "learns", "learn"}, {api.ControllerAway, "is away", "are away"},
	} {
		switch names := others[role.name]; len(names) {
		case 0:
		case 1:
			text.WriteString("; " + names[0] + " " + role.one)
		default:
			text.WriteString("; " + few(names) + " " + role.more)
		}
	}
	return strings.Join(append([]string{text.String()}, notes...), "; ")
}

// shownLag is how many entries a store may be behind without a word in the status: one that
// is well is a few behind at each moment.
const shownLag = 1000

// handOverLook is the time between two looks at who leads, and handOverTime is how long a
// command waits until another controller leads.
const (
	handOverLook = 100 * time.Millisecond
	handOverTime = 15 * time.Second
)

// Remove removes a controller from the cluster for good.
func (f Controlling) Remove(ctx context.Context, name string) int {
	return f.ask(ctx, func(c *api.Client) error {
		if list, err := f.look(ctx, c); err != nil {
			return err
		} else if list.Leader == name && len(list.Members) > 1 {
			leader, err := f.handOver(ctx, c, name, api.AnyController)
			if err != nil {
				return err
			}
			f.Log.Notice("controller %s leads now", leader)
		}
		if err := c.RemoveController(ctx, name); err != nil {
			return err
		}
		f.Log.Notice("controller %s is removed: its certificates are revoked, and its directory is of no use any more", name)
		return nil
	})
}

// Lead makes a controller lead. An empty name means any other one than that which leads.
func (f Controlling) Lead(ctx context.Context, name string) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := f.look(ctx, c)
		if err != nil {
			return err
		}
		if name != "" && list.Leader == name {
			f.Log.Notice("controller %s leads already", name)
			return nil
		}
		leader := list.Leader
		// A controller that has handed over stands back for a while. So each round leaves fewer
		// that may lead in place of the one with the name.
		for range max(1, len(list.Members)-1) {
			if leader, err = f.handOver(ctx, c, leader, cmp.Or(name, api.AnyController)); err != nil {
				return err
			}
			if name == "" || leader == name {
				f.Log.Notice("controller %s leads now", leader)
				return nil
			}
		}
		return fmt.Errorf("controller %s does not take the lead, and %s leads: zeekfleet controllers shows whether %[1]s is away", name, leader)
	})
}

// handOver makes the controller that leads hand over, and returns the one that leads then. The
// end of a term may cut the answer off. So a request without an answer is made again if the same
// controller leads.
func (f Controlling) handOver(ctx context.Context, c *api.Client, from, to string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, handOverTime, errors.New("no other controller has taken the lead: see zeekfleet controllers"))
	defer cancel()
	var asked bool
	for {
		if !asked {
			err := c.Lead(ctx, to)
			if p, refused := errors.AsType[*api.Problem](err); refused && p.Status != http.StatusBadGateway {
				if list, look := f.look(ctx, c); look == nil && list.Leader != "" && list.Leader != from {
					return list.Leader, nil // another one than was asked for
				}
				return "", err
			}
			asked = err == nil
		}
		list, err := f.look(ctx, c)
		switch {
		case err == nil && list.Leader != "" && list.Leader != from:
			return list.Leader, nil
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(handOverLook):
		}
	}
}
