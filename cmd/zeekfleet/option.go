package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func newOptionCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "option",
		Short: "Set, unset, get and list options of running nodes",
		Long: "Set, unset, get and list options of Zeek's configuration framework: what a script\n" +
			"declares with \"option\". They change while nodes run, and nothing is restarted. They\n" +
			"are part of what is deployed: with history, diff and rollback.",
		Args: noSuchSubcommand,
	}
	cmd.AddCommand(newOptionSetCommand(s), newOptionUnsetCommand(s), newOptionGetCommand(s), newOptionListCommand(s))
	return cmd
}

func addNodes(cmd *cobra.Command, what string) *[]string {
	return cmd.Flags().StringSlice("nodes", nil, what+" the nodes of `SELECTOR,...`; repeatable (default all nodes)")
}

// wantOptionName refuses an argument that cannot be the name of an option.
func wantOptionName(name string) error {
	if before, value, ok := strings.Cut(name, "="); ok {
		return fmt.Errorf("write the option and its value as two arguments: zeekfleet option set %s %s", before, value)
	}
	return mgmt.CheckRunOption(mgmt.Option{Name: name})
}

func newOptionSetCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Set an option of nodes",
		Long: "Set an option of nodes, and follow the deployment that does it. The value has the\n" +
			"form of Zeek's configuration files: T, 10, 2min, 10.0.0.0/8,192.168.0.0/16. Nodes\n" +
			"that start later have it too. If somebody else deploys meanwhile, nothing is done.\n\n" + selectorHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && strings.Contains(args[0], "=") {
				return wantOptionName(args[0])
			}
			if err := wantArgs(2, 2)(cmd, args); err != nil {
				return err
			}
			return mgmt.CheckRunOption(mgmt.Option{Name: args[0], Value: args[1]})
		},
	}
	nodes, note, yes, partial := addNodes(cmd, "set it on"), addNote(cmd), addYes(cmd), addPartial(cmd)
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		f.Yes, f.Partial = *yes, *partial
		return cli.Options{Fleet: f}.Set(ctx, api.OptionChange{Nodes: *nodes, Set: map[string]string{args[0]: args[1]}}, *note)
	})
}

func newOptionUnsetCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unset NAME...",
		Short: "Give options of nodes the values of their scripts back",
		Long: "Give options of nodes the values back that their scripts say, and follow the\n" +
			"deployment that does it.\n\n" + selectorHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantArgs(1, 100)(cmd, args); err != nil {
				return err
			}
			for _, name := range args {
				if err := mgmt.CheckRunOption(mgmt.Option{Name: name}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	nodes, note, yes, partial := addNodes(cmd, "unset it on"), addNote(cmd), addYes(cmd), addPartial(cmd)
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		f.Yes, f.Partial = *yes, *partial
		return cli.Options{Fleet: f}.Set(ctx, api.OptionChange{Nodes: *nodes, Unset: args}, *note)
	})
}

func newOptionGetCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Ask nodes for the value that an option has now",
		Long: "Ask nodes for the value that an option has now, and print it beside the value that\n" +
			"the deployed configuration sets.\n\n" + selectorHelp,
		Args: wantArgs(1, 1),
	}
	nodes := addNodes(cmd, "ask")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Options{Fleet: f}.Get(ctx, args[0], *nodes)
	})
}

func newOptionListCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the options that the deployed configuration sets",
		Long:  "List the options that the deployed configuration sets, with the nodes that have them.\n\n" + selectorHelp,
		Args:  wantArgs(0, 0),
	}
	nodes := addNodes(cmd, "list those of")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		return cli.Options{Fleet: f}.List(ctx, *nodes)
	})
}
