package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newControllerCommand(s streams) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Run the controller of a cluster",
		Long: "Run the controller of a cluster: it holds the configurations, sends each agent\n" +
			"its nodes, and serves clients. It ends on SIGINT or SIGTERM; agents and nodes go\n" +
			"on without it.\n\n" +
			"With --cluster it shares its state with other controllers, which join it with\n" +
			"\"controller join\". One of them leads. If it is lost, another one leads within\n" +
			"seconds.",
		Annotations: map[string]string{runsItself: "yes"},
		Args:        noSuchSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			surviveClosedPipes()
			service, done := asService(cmd.Context())
			defer done()
			set, _, err := settings.ResolveController(controllerSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			forgetFlags(cmd)
			app.SaveMemory()
			log := newLogger(cmd.ErrOrStderr(), set.LogLevel)
			flags := app.PortFlags{Broker: "--listen-port", WebSocket: "--websocket-port"}
			if set.Cluster.On {
				return runClustered(cmd, set, log, app.Opening{Flags: flags, Version: programVersion(), Service: service, Force: force})
			}
			if force {
				return errors.New("--force-new-cluster is for a controller that shares its state: it needs --cluster")
			}
			c, err := app.OpenController(cmd.Context(), set, log, flags)
			if err != nil {
				return failed(err)
			}
			c.Version, c.Service = programVersion(), service
			boundRevisions(&c)
			fmt.Fprint(cmd.OutOrStdout(), c.Greeting())
			return ended(cmd.Context(), c.Run(cmd.Context()))
		},
	}
	app.Defaults().AddControllerFlags(cmd.Flags())
	cmd.Flags().BoolVar(&force, "force-new-cluster", false, "with --cluster: go on alone with the state of this controller, because the majority of the controllers is lost for ever; the others must not run any more")
	for _, sub := range []*cobra.Command{newControllerJoinCommand(s), newControllerLeadCommand(s), newControllerRemoveCommand(s)} {
		cmd.AddCommand(sub)
		completeArguments(sub)
	}
	return cmd
}

// forgetFlags takes the flags and the subcommands from the command of a daemon that has read its flags.
// In an agent they are a quarter of what the collector of garbage finds alive.
func forgetFlags(cmd *cobra.Command) {
	cmd.ResetFlags()
	cmd.RemoveCommand(cmd.Commands()...) // ResetCommands would take the parent, too, whose name is in errors
}

// runClustered runs a controller that shares its state with others.
func runClustered(cmd *cobra.Command, set settings.Controller, log *slog.Logger, how app.Opening) error {
	m, err := app.OpenClustered(cmd.Context(), set, log, how)
	if err != nil {
		return failed(err)
	}
	fmt.Fprint(cmd.OutOrStdout(), m.Greeting())
	return ended(cmd.Context(), m.Run(cmd.Context()))
}

// boundRevisions sets how many revisions a controller keeps. Tests replace it, because
// thousands take long to make.
var boundRevisions = func(*app.Controller) {}

// ended returns nil if the daemon ended because the operator asked for its end.
// Otherwise err fails the command.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	if errors.Is(err, app.ErrRemoved) {
		return &exitError{cli.StatusRemoved, err}
	}
	return failed(err)
}

func sources(flags *pflag.FlagSet) settings.Sources {
	host, err := os.Hostname()
	if err != nil {
		host = "" // package settings has a default for this case
	}
	return settings.Sources{Flags: flags, LookupEnv: os.LookupEnv, Defaults: app.Defaults(), Hostname: host}
}

// daemonSources are the sources of the daemon of this host called name. For root these are
// also the settings in settings.SystemDir, so that root's commands and the service agree.
func daemonSources(name string, flags *pflag.FlagSet) settings.Sources {
	src := sources(flags)
	if os.Geteuid() == 0 {
		src.System = filepath.Join(settings.SystemDir, name+".yaml")
	}
	return src
}

// controllerSources are the sources of this host's controller.
func controllerSources(flags *pflag.FlagSet) settings.Sources {
	return daemonSources("controller", flags)
}

// agentSources are the sources of this host's agent, which may have joined a cluster.
func agentSources(flags *pflag.FlagSet) settings.Sources {
	src := daemonSources("agent", flags)
	src.Joined = app.Joined
	return src
}

func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
