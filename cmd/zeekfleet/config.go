package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newConfigCommand(streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings with which a daemon would start",
		Long: "Show the settings with which a daemon would start that has the same flags,\n" +
			"environment and settings file, and where each value comes from. A daemon that\n" +
			"runs may have been started with others.",
		Args: noSuchSubcommand,
		RunE: func(*cobra.Command, []string) error { return errors.New("please name a daemon: controller or agent") },
	}
	forController := showSettings("controller", func(src settings.Sources) ([]settings.Entry, error) {
		_, entries, err := settings.ResolveController(src)
		return entries, err
	})
	app.Defaults().AddControllerFlags(forController.Flags())
	forAgent := showSettings("agent", func(src settings.Sources) ([]settings.Entry, error) {
		src.Joined = app.Joined
		_, entries, err := settings.ResolveAgent(src)
		return entries, err
	})
	app.Defaults().AddAgentFlags(forAgent.Flags())
	cmd.AddCommand(forController, forAgent)
	return cmd
}

// showSettings returns the command that shows one daemon's settings.
func showSettings(daemon string, resolve func(settings.Sources) ([]settings.Entry, error)) *cobra.Command {
	return &cobra.Command{
		Use:   daemon,
		Short: "Show the " + daemon + "'s settings",
		Args:  wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, err := resolve(daemonSources(daemon, cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			return failed(settings.Print(cmd.OutOrStdout(), entries))
		},
	}
}
