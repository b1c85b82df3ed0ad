package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newCheckCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check CLUSTER.INI",
		Short: "Look for what would keep this host's nodes from running",
		Long: "Look for what would keep the nodes that a cluster has on this host from running,\n" +
			"as its agent does before a deployment: ports, interfaces, scripts, processors,\n" +
			"permissions, room on disk. Nothing is changed, and nothing has to run. It prints\n" +
			"one line for each problem, or \"ok\".",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			status, err := runCheck(cmd, s, args[0])
			if err != nil {
				return failed(err)
			}
			return finished(status)
		},
	}
	app.Defaults().AddAgentFlags(cmd.Flags())
	return cmd
}

func runCheck(cmd *cobra.Command, s streams, path string) (status int, err error) {
	set, _, err := settings.ResolveAgent(sources(cmd.Flags()))
	if err != nil {
		return cli.StatusFailed, err
	}
	by, err := controllerBeside(cmd.Flags())
	if err != nil {
		return cli.StatusFailed, err
	}
	cluster, err := readCluster(path, s.in, s.err)
	if err != nil {
		return cli.StatusFailed, err
	}
	findings, err := app.Preflight(cmd.Context(), set, by, cluster.Config, slog.New(messages{out: s.err, level: set.LogLevel}))
	if err != nil {
		return cli.StatusFailed, err
	}
	for _, f := range findings {
		fmt.Fprintln(s.out, f)
	}
	if len(findings) > 0 {
		return cli.StatusFailed, nil
	}
	fmt.Fprintln(s.out, "ok")
	return cli.StatusDone, nil
}

// controllerBeside resolves the settings of the controller that has the same
// environment and file as an agent with these flags.
func controllerBeside(agentFlags *pflag.FlagSet) (settings.Controller, error) {
	own := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	app.Defaults().AddCommonFlags(own)
	var errs []error
	agentFlags.Visit(func(f *pflag.Flag) {
		if own.Lookup(f.Name) != nil {
			errs = append(errs, own.Set(f.Name, f.Value.String()))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return settings.Controller{}, err
	}
	c, _, err := settings.ResolveController(sources(own))
	return c, err
}
