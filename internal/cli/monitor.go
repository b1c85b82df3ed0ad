package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zeekfleet/zeekfleet/client"
)

// apiArguments names the arguments of each event that zeek-client knows (spec zeek-client
// 6.1).
var apiArguments = map[string][]string{
	"deploy_request":               {"reqid"},
	"deploy_response":              {"reqid", "results"},
	"get_configuration_request":    {"reqid", "deployed"},
	"get_configuration_response":   {"reqid", "result"},
	"get_id_value_request":         {"reqid", "id", "nodes"},
	"get_id_value_response":        {"reqid", "results"},
	"get_instances_request":        {"reqid"},
	"get_instances_response":       {"reqid", "result"},
	"get_nodes_request":            {"reqid"},
	"get_nodes_response":           {"reqid", "results"},
	"restart_request":              {"reqid", "nodes"},
	"restart_response":             {"reqid", "results"},
	"stage_configuration_request":  {"reqid", "config"},
	"stage_configuration_response": {"reqid", "results"},
	"test_noop_request":            {"reqid"},
	"test_timeout_request":         {"reqid", "with_state"},
	"test_timeout_response":        {"reqid", "result"},
}

// knownArguments returns the names of the arguments of an event that zeek-client knows.
func knownArguments(event string) ([]string, bool) {
	name, inAPI := strings.CutPrefix(event, "Management::Controller::API::")
	names, known := apiArguments[name]
	return names, inAPI && known
}

// Monitor prints the events on the topic of the controller's API, one line each, until
// the user interrupts it. If the connection is lost, it connects again.
func (c *Commands) Monitor(ctx context.Context) int {
	c.listens = true
	return c.connected(ctx, func(ctl *client.Client) int {
		for {
			ev, err := ctl.Receive(ctx)
			if ctx.Err() != nil {
				return StatusDone // there is no other way to end it
			}
			if unreached(err) {
				c.Log.Error("%s", c.dialMessage(c.where(), err))
				return StatusFailed
			}
			line := c.monitored(ev, err)
			if line == "" {
				continue
			}
			if _, err := io.WriteString(c.Stdout, line+"\n"); err != nil {
				c.Log.Error("write result: %v", err)
				return StatusFailed
			}
		}
	})
}

// unreached reports whether err is about a connection that could not be made.
func unreached(err error) bool {
	late, isLate := errors.AsType[*client.TimeoutError](err)
	_, isDial := errors.AsType[*client.DialError](err)
	return isDial || isLate && late.Stage != ""
}

// monitored returns the line about what was received. It is empty for what is no result
// but a message, which monitored has logged.
func (c *Commands) monitored(ev client.Event, err error) string {
	names, known := knownArguments(ev.Name)
	switch {
	case err != nil && c.AsZeekClient:
		return "no response received: " + c.noAnswer(err)
	case err != nil:
		if late, ok := errors.AsType[*client.TimeoutError](err); ok && late.Stage == "" {
			return "" // nothing happens, which is no news
		}
		c.Log.Warning("%v", err)
		return ""
	case !c.AsZeekClient:
		return eventJSON(ev)
	case !known:
		c.Log.Warning("received unexpected event %s, skipping", quote(ev.Name))
		return ""
	case len(names) != len(ev.Args):
		return fmt.Sprintf("no response received: protocol data error with controller %s: invalid event data, %s", c.where(), eventJSON(ev))
	}
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = name + ": " + ev.Args[i].Type
	}
	return fmt.Sprintf("received \"%s(%s)\"", ev.Name, strings.Join(parts, ", "))
}

// eventJSON returns the event as JSON on one line.
func eventJSON(ev client.Event) string {
	args := []any{}
	for _, a := range ev.Args {
		v, err := parseJSON(string(a.JSON))
		if err != nil {
			v = string(a.JSON)
		}
		args = append(args, v)
	}
	return strings.TrimSuffix(renderJSON(document{"event": ev.Name, "args": args}, false), "\n")
}
