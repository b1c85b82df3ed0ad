package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newExecCommand(s streams) *cobra.Command {
	var instances []string
	cmd := &cobra.Command{
		Use:   "exec [--instances NAME,...] -- COMMAND [ARGUMENT...]",
		Short: "Run a command on hosts",
		Long: "Run a command on the hosts of all instances, or of some, and show what it prints. COMMAND\n" +
			"is the absolute path of a program. The operator of each host must have allowed it there,\n" +
			"in the setting agent.exec. It runs without a shell, as an unprivileged user, and for at\n" +
			"most 45 seconds. Only admins may do this, and the audit has each command.\n\n" +
			"Examples:\n" +
			"  zeekfleet exec -- /usr/bin/uptime\n" +
			"  zeekfleet exec --instances 'sensor-*' -- /usr/sbin/ethtool -S eth0",
		Args: wantArgs(1, -1),
	}
	cmd.Flags().StringSliceVar(&instances, "instances", nil, "`NAMES` and patterns of instances, such as sensor-*")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.HostTools{Fleet: f, Instances: instances}.Exec(ctx, args)
	})
}

// diagArgs checks the arguments of diag: a node, or instances with --bundle.
func diagArgs(bundle *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if *bundle != "" {
			return nil
		}
		if len(args) == 0 {
			return errors.New("name a node, or a file with --bundle")
		}
		return wantArgs(1, 1)(cmd, args)
	}
}
