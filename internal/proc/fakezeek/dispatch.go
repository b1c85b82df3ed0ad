package fakezeek

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// dispatches are the dispatches of the node script.
var dispatches = map[string]func(n *node, args []string) mgmt.Result{
	"cluster_layout":     (*node).clusterLayout,
	"get_id_value":       (*node).getIDValue,
	"get_loaded_scripts": func(n *node, _ []string) mgmt.Result { return success(n.loaded) },
	"get_stats":          (*node).getStats,
	"get_version":        func(n *node, _ []string) mgmt.Result { return success(n.version.String()) },
	"rotate_logs": func(n *node, _ []string) mgmt.Result {
		return failure("rotate_logs is impossible: Zeek %s has no function that rotates logs", n.version)
	},
	"set_option":  (*node).setOption,
	"set_options": (*node).setOptions,
}

func dispatchNames() []string { return slices.Sorted(maps.Keys(dispatches)) }

// dispatch runs an action, as run_dispatch of the node script does.
func (n *node) dispatch(action []string) mgmt.Result {
	if len(action) == 0 {
		return failure("no dispatch arguments provided")
	}
	do, ok := dispatches[action[0]]
	if !ok {
		return failure("dispatch %s unknown", action[0])
	}
	return do(n, action[1:])
}

func success(data any) mgmt.Result {
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("fakezeek: %v", err)) // callers pass only values that JSON can express
	}
	return mgmt.Result{Success: true, Data: mgmt.Text(text)}
}

func failure(format string, args ...any) mgmt.Result {
	return mgmt.Result{Error: fmt.Sprintf(format, args...)}
}

// getIDValue knows some identifiers that every Zeek has, and those to which the
// scripts assign a value.
func (n *node) getIDValue(args []string) mgmt.Result {
	if len(args) == 0 {
		return failure("get_id_value expects name of global identifier")
	}
	switch name := args[0]; name {
	case "Cluster::node":
		return success(n.name)
	case "bits_per_uid":
		return success(96)
	case "connection":
		return failure("no ID value")
	default:
		if value, ok := n.optionJSON(name); ok {
			return success(value)
		}
		v, ok := n.values[name]
		if !ok {
			return failure("unknown id")
		}
		return success(asJSON(v))
	}
}

// asJSON returns the value of a string, number or bool literal. Other literals remain
// text.
func asJSON(literal string) any {
	if text, err := strconv.Unquote(literal); err == nil {
		return text
	}
	if number, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return number
	}
	switch literal {
	case "T":
		return true
	case "F":
		return false
	}
	return literal
}

func (n *node) getStats([]string) mgmt.Result {
	return success(map[string]any{
		"packets_received": 0, "packets_dropped": 0, "packets_on_link": 0, "bytes_received": 0,
		"memory": n.memory << 20, "events_queued": 0, "events_dispatched": 0,
		"uptime": time.Since(n.began).Seconds(),
	})
}

// clusterLayout prints the names of the nodes of the changed cluster.
func (n *node) clusterLayout(args []string) mgmt.Result {
	var names []string
	for _, entry := range args {
		name, _, _ := strings.Cut(entry, " ")
		names = append(names, name)
	}
	fmt.Fprintf(n.err, "the cluster has %s now\n", strings.Join(names, " "))
	return success(len(args))
}
