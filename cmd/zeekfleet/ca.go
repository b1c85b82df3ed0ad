package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newCACommand(s streams) *cobra.Command {
	var pem, now bool
	var out string
	show := adminCommand(s, &cobra.Command{
		Use:   "show",
		Short: "Show the authorities that are trusted, and who is awaited",
		Long: "Show the authorities that are trusted, and who is awaited. With --pem or --out,\n" +
			"give their certificates to programs that check the controller's, as in\n" +
			"curl --cacert FILE.",
		Args: wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int {
		if pem || out != "" {
			return a.WriteAuthorities(ctx, out)
		}
		return a.ShowAuthorities(ctx)
	})
	show.Flags().BoolVar(&pem, "pem", false, "print the certificates of the authorities in PEM form")
	show.Flags().StringVar(&out, "out", "", "write the certificates of the authorities to `FILE`, in PEM form")
	show.MarkFlagsMutuallyExclusive("pem", "json")
	show.MarkFlagsMutuallyExclusive("out", "json")
	show.MarkFlagsMutuallyExclusive("out", "pem")
	rotate := adminCommand(s, &cobra.Command{
		Use:   "rotate",
		Short: "Replace the authority by a new one",
		Long: "Make a new authority. It signs from now on. The old authority is trusted until\n" +
			"every agent has a certificate of the new one. No connection ends. Users are\n" +
			"awaited until they have renewed, or their certificates end. With --now, as after\n" +
			"a theft, users are awaited for a few minutes; a rotation that has begun is\n" +
			"hurried, too.",
		Args: wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.RotateAuthority(ctx, now) })
	rotate.Flags().BoolVar(&now, "now", false, "wait for users a few minutes alone")
	return groupCommand(s, &cobra.Command{
		Use:   "ca",
		Short: "Show and replace the authority that signs certificates",
	}, show, rotate)
}
