package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newDispatchCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dispatch NAME [ARG...]",
		Short: "Ask nodes for an action: statistics, an option, what a site adds",
		Long: "Ask nodes for an action, and print what each answers. Zeek's nodes know\n" +
			"get_id_value ID, get_stats, get_version, get_loaded_scripts and\n" +
			"set_option NAME VALUE, and what the site's scripts add.\n\n" + selectorHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantArgs(1, 1000)(cmd, args); err != nil {
				return err
			}
			return wantActionArgs(args[0], args[1:])
		},
	}
	nodes := cmd.Flags().StringSlice("nodes", nil, "ask the nodes of `SELECTOR,...`; repeatable (default all nodes)")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return f.Dispatch(ctx, api.DispatchRequest{Action: args[0], Arguments: args[1:], Selectors: *nodes})
	})
}

// actionArgs has the numbers of arguments of the actions that all nodes of Zeek know. Nodes
// ignore further arguments.
var actionArgs = map[string]struct{ least, most int }{
	"get_id_value": {1, 1}, "get_stats": {0, 0}, "get_version": {0, 0}, "get_loaded_scripts": {0, 0}, "set_option": {2, 3},
}

// wantActionArgs refuses arguments that a node would ignore. They are mostly meant as the
// names of the nodes to ask, and all nodes would be asked.
func wantActionArgs(action string, args []string) error {
	want, known := actionArgs[action]
	switch {
	case !known || len(args) >= want.least && len(args) <= want.most:
		return nil
	case len(args) < want.least:
		return fmt.Errorf("%s needs %d arguments, and got %d", action, want.least, len(args))
	}
	extra := args[want.most]
	return fmt.Errorf("%s takes no argument %q: if that is a node, say --nodes %s", action, extra, extra)
}

func newScriptsCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "scripts NODE",
		Short: "List the scripts that a node has loaded",
		Long:  "List the scripts that a node has loaded, in the order in which it has loaded them.",
		Args:  wantArgs(1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int { return f.Scripts(ctx, args[0]) })
}
