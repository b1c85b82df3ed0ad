package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newAuditCommand(s streams) *cobra.Command {
	var req cli.AuditRequest
	var since ttl
	cmd := adminCommand(s, &cobra.Command{
		Use:   "audit",
		Short: "Show who asked for which changes, and who was refused",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int {
		req.Since = time.Duration(since)
		return a.Audit(ctx, req)
	})
	fs := cmd.Flags()
	fs.Var(&since, "since", "show what happened in the last `TIME`, such as 1h or 7d (default: as far as the audit goes)")
	fs.StringVar(&req.User, "user", "", "show what the user `NAME` asked for, as the audit calls the user")
	fs.IntVar(&req.Limit, "limit", 0, "show at most this `NUMBER` of records, the newest (default: all)")
	fs.BoolVar(&req.Follow, "follow", false, "go on with new records as they come, until Ctrl-C")
	return cmd
}
