package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newCACommand(s streams) *cobra.Command {
	show := adminCommand(s, &cobra.Command{
		Use:   "show",
		Short: "Show the authorities that are trusted, and who is awaited",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.ShowAuthorities(ctx) })
	rotate := adminCommand(s, &cobra.Command{
		Use:   "rotate",
		Short: "Replace the authority by a new one",
		Long: "Make a new authority. It signs from now on. The old authority is trusted until\n" +
			"every agent has a certificate of the new one. No connection ends.",
		Args: wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.RotateAuthority(ctx) })
	return groupCommand(s, &cobra.Command{
		Use:   "ca",
		Short: "Show and replace the authority that signs certificates",
	}, show, rotate)
}
