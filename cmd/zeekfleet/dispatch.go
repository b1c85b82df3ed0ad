package main

import (
	"context"

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
		Args: wantArgs(1, 1000),
	}
	nodes := cmd.Flags().StringSlice("nodes", nil, "ask the nodes of `SELECTOR,...`; repeatable (default all nodes)")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return f.Dispatch(ctx, api.DispatchRequest{Action: args[0], Arguments: args[1:], Selectors: *nodes})
	})
}

func newScriptsCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "scripts NODE",
		Short: "List the scripts that a node has loaded",
		Long:  "List the scripts that a node has loaded, in the order in which it has loaded them.",
		Args:  wantArgs(1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int { return f.Scripts(ctx, args[0]) })
}
