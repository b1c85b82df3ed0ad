package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newCheckCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check CLUSTER.INI",
		Short: "Check whether this host's nodes could run",
		Long: "Check whether the nodes of a cluster could run on this host, as the agent does\n" +
			"before a deployment: ports, interfaces, scripts, processors, permissions, room\n" +
			"on disk. The check changes nothing. The controller and the agent need not run.\n" +
			"It prints one line for each problem, or \"ok\". It knows this host alone:\n" +
			"\"zeekfleet plan\" lets every host of the cluster make these checks.",
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
	set, _, err := settings.ResolveAgent(agentSources(cmd.Flags()))
	if err != nil {
		return cli.StatusFailed, err
	}
	by, err := controllerBeside(cmd.Flags())
	if err != nil {
		return cli.StatusFailed, err
	}
	cluster, err := readCluster(path, s.in, s.err, "zeekfleet plan "+path+", which checks every host", func(name mgmt.InstanceName) (mgmt.Hardware, error) {
		if string(name) != set.Name {
			return mgmt.Hardware{}, clusterfile.ErrElsewhere
		}
		return app.Hardware(), nil
	})
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

// controllerBeside resolves the settings of a controller that runs with the same
// environment and settings file as an agent with these flags.
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
	c, _, err := settings.ResolveController(controllerSources(own))
	return c, err
}
