package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// groupCommand makes cmd a command that consists of subcommands.
func groupCommand(_ streams, cmd *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	var names []string
	for _, sub := range subcommands {
		names = append(names, sub.Name())
		cmd.AddCommand(sub)
	}
	last := len(names) - 1
	text := strings.Join(names[:last], ", ") + " or " + names[last]
	cmd.Args = noSuchSubcommand
	cmd.RunE = func(*cobra.Command, []string) error { return fmt.Errorf("please name a command: %s", text) }
	return cmd
}

// noSuchSubcommand refuses arguments. It suggests the subcommand that was meant: cobra
// does so for the program's own commands only.
func noSuchSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return errors.New(text)
}
