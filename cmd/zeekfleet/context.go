package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

func newContextCommand(s streams) *cobra.Command {
	list := contextCommand(s, &cobra.Command{
		Use:   "list",
		Short: "List the contexts; a star marks the current one",
		Args:  wantArgs(0, 0),
	}, true, func(c cli.ContextCommands, _ string) error { return c.List() })
	use := contextCommand(s, &cobra.Command{
		Use:   "use NAME",
		Short: "Make a context the current one",
		Args:  wantArgs(1, 1),

		ValidArgsFunction: completeAt(0, contextNames),
	}, false, func(c cli.ContextCommands, name string) error { return c.Use(name) })
	show := contextCommand(s, &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show a context, by default the current one",
		Args:  wantArgs(0, 1),

		ValidArgsFunction: completeAt(0, contextNames),
	}, true, func(c cli.ContextCommands, name string) error { return c.Show(name) })
	var address string
	var set *cobra.Command
	set = contextCommand(s, &cobra.Command{
		Use:   "set [NAME] --controller HOST[:PORT][,…]",
		Short: "Say where the controller of a context is now",
		Long: "Say where the controller of a context is now, by default that of the current one.\n" +
			"The controller there must be of the same cluster. No token is needed. Of several\n" +
			"controllers, give a list of their addresses with commas.",
		Args: wantArgs(0, 1),

		ValidArgsFunction: completeAt(0, contextNames),
	}, false, func(c cli.ContextCommands, name string) error {
		ctx, cancel := context.WithTimeout(set.Context(), loginTimeout)
		defer cancel()
		return c.Move(ctx, name, address)
	})
	set.Flags().StringVar(&address, "controller", "", "`HOST[:PORT]` of the controller, or a list with commas")
	if err := set.MarkFlagRequired("controller"); err != nil {
		panic("zeekfleet: " + err.Error()) // there is no such flag
	}
	cmd := groupCommand(s, &cobra.Command{
		Use:   "context",
		Short: "List and choose the controllers you have logged in to",
		Long: "List and choose the controllers to which you have logged in. Client commands ask\n" +
			"the controller of the current context, unless an option, the environment or the\n" +
			"settings file names another controller. Without a command, list the contexts.",
	}, list, use, show, set)
	cmd.RunE = list.RunE
	for _, name := range []string{"json", "output", "color"} {
		if f := list.Flags().Lookup(name); f != nil {
			cmd.Flags().AddFlag(f)
		}
	}
	return cmd
}

// contextCommand makes cmd a command about contexts. do gets the argument, or an empty
// text.
func contextCommand(s streams, cmd *cobra.Command, prints bool, do func(cli.ContextCommands, string) error) *cobra.Command {
	c := cli.ContextCommands{Log: &cli.Log{Out: s.err, Program: "zeekfleet"}, Now: time.Now}
	var output outputFlags
	if prints {
		output.add(cmd.Flags())
		output.addJSON(cmd.Flags())
		completeOutput(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if c.Output, err = output.settings(cmd, s); err != nil {
			return err
		}
		c.Output.Piped = show.AsTable
		if c.Contexts, err = contexts(); err != nil {
			return failed(err)
		}
		return failed(do(c, append(args, "")[0]))
	}
	return cmd
}

func newLogoutCommand(s streams) *cobra.Command {
	return contextCommand(s, &cobra.Command{
		Use:   "logout [CONTEXT]",
		Short: "Forget a controller, with the key and the certificate",
		Args:  wantArgs(0, 1),

		ValidArgsFunction: completeAt(0, contextNames),
	}, false, func(c cli.ContextCommands, name string) error { return c.Logout(name) })
}

// contexts returns the contexts of the user who runs this program.
func contexts() (*cli.Contexts, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	return cli.ContextsIn(filepath.Join(dir, "zeekfleet")), nil
}
