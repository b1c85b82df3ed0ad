package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// adminCommand makes cmd a command that asks the controller who may do what. If prints
// is set, it has the flag --json. do returns the exit status.
func adminCommand(s streams, cmd *cobra.Command, prints bool, do func(context.Context, cli.Admin, []string) int) *cobra.Command {
	if prints {
		new(outputFlags).addJSON(cmd.Flags())
	}
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		return do(ctx, cli.Admin{Commands: c}, args)
	})
}

// ttl is the value of a flag that is a time to live, such as 12h or 30d.
type ttl time.Duration

// String implements pflag.Value.
func (t *ttl) String() string { return "" }

// Type implements pflag.Value.
func (t *ttl) Type() string { return "TIME" }

// Set implements pflag.Value.
func (t *ttl) Set(text string) error {
	d, err := cli.ParseTTL(text)
	*t = ttl(d)
	return err
}
