package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// fleetCommand makes cmd a command that asks the controller through its HTTP API. do
// returns the exit status.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func fleetCommand(s streams, cmd *cobra.Command, do func(ctx context.Context, f cli.Fleet, args []string) int) *cobra.Command {
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		return do(ctx, newFleet(s, c), args)
	})
}

func newFleet(s streams, c *cli.Commands) cli.Fleet {
	f := cli.Fleet{Commands: c, Ask: asker(s), Environment: os.Environ()}
	if f.Ask != nil { // standard input is a terminal
		f.Keys = s.in
	}
	return f
}

// addNote adds the flag --note.
func addNote(cmd *cobra.Command) *string {
	return cmd.Flags().String("note", "", "`TEXT` for the history, such as the reason")
}

// addYes adds the flag --yes.
func addYes(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "do not ask: deploy what the plan says")
}

// deadline is the value of --rollback-on-failure, in seconds.
type deadline int64

// usualDeadline is the deadline of --rollback-on-failure without a value.
const usualDeadline = "2m"

// addRollback adds the flag --rollback-on-failure.
func addRollback(cmd *cobra.Command) *deadline {
	d := new(deadline)
	cmd.Flags().Var(d, "rollback-on-failure", "deploy the revision before again if the nodes are not up within `TIME` ("+usualDeadline+" if --rollback-on-failure has no =TIME)")
	cmd.Flags().Lookup("rollback-on-failure").NoOptDefVal = usualDeadline
	return d
}

// String implements pflag.Value.
func (d *deadline) String() string { return "" }

// Type implements pflag.Value.
func (d *deadline) Type() string { return "TIME" }

// Set implements pflag.Value.
func (d *deadline) Set(text string) error {
	seconds, err := cli.ParseDeadline(text)
	*d = deadline(seconds)
	return err
}

// number parses an argument that numbers something.
func number(what, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%.50q is not the number of %s", text, what)
	}
	return n, nil
}

// numbered makes the arguments of a command numbers of something, from least to most.
func numbered(what string, least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := wantArgs(least, most)(cmd, args); err != nil {
			return err
		}
		for _, text := range args {
			if _, err := number(what, text); err != nil {
				return err
			}
		}
		return nil
	}
}

// numbers returns the numbers that numbered has checked. Those that are not given are 0.
func numbers(args []string, most int) []uint64 {
	list := make([]uint64, most)
	for i, text := range args {
		list[i], _ = strconv.ParseUint(text, 10, 64)
	}
	return list
}

// selectorHelp says how nodes are named.
const selectorHelp = "A SELECTOR is the name of a node, a pattern (worker-1*), a role (@workers,\n" +
	"@proxies, @loggers, @managers) or an instance (%sensor-1). Quote patterns, so that\n" +
	"the shell leaves them alone."

var errNoSelector = errors.New("please name nodes: their names, patterns (worker-1*), roles (@workers) or instances (%sensor-1)")

// wantSelectors refuses a command without nodes: all nodes are named on purpose.
func wantSelectors(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w; '*' is all nodes", errNoSelector)
	}
	return nil
}
