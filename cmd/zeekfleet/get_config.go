package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newGetConfigCommand(s streams) *cobra.Command {
	var req cli.ConfigRequest
	cmd := clientCommand(s, &cobra.Command{
		Use:   "get-config",
		Short: "Show the staged or the deployed cluster configuration",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.GetConfig(ctx, req)
	})
	fs := cmd.Flags()
	fs.StringVarP(&req.Path, "filename", "f", "-", "`FILE` to write instead of standard output")
	fs.BoolVar(&req.AsJSON, "as-json", false, "print JSON instead of INI")
	fs.BoolVar(&req.Deployed, "deployed", false, "get the deployed configuration")
	fs.Bool("staged", true, "get the staged configuration")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return exclusive(cmd, "deployed", "staged") }
	return cmd
}
