package main

import (
	"errors"

	"github.com/spf13/cobra"

	"zeekfleet/internal/settings"
)

func newConfigCommand(streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the effective settings of a daemon",
		Long:  "Show the settings that a daemon started with the same flags, environment and file would have,\nand where each value comes from.",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return errors.New("please say of which: controller or agent") },
	}
	forController := &cobra.Command{
		Use:   "controller",
		Short: "Show the controller's settings",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, entries, err := settings.ResolveController(sources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			return failed(settings.Print(cmd.OutOrStdout(), entries))
		},
	}
	settings.AddControllerFlags(forController.Flags())
	forAgent := &cobra.Command{
		Use:   "agent",
		Short: "Show the agent's settings",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, entries, err := settings.ResolveAgent(sources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			return failed(settings.Print(cmd.OutOrStdout(), entries))
		},
	}
	settings.AddAgentFlags(forAgent.Flags())
	cmd.AddCommand(forController, forAgent)
	return cmd
}
