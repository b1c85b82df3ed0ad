package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newAgentAuditCommand(s streams) *cobra.Command {
	var since ttl
	var user string
	var limit int
	var output outputFlags
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who was refused by this host's agent",
		Long: "Show the audit of this host's agent: who was refused, and why. \"zeekfleet audit\"\n" +
			"shows that of the controller. The records are in the directory of the agent,\n" +
			"which root and the agent's own user may read. The agent need not run.",
		Args: wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := output.settings(cmd, s)
			if err != nil {
				return err
			}
			out.Piped = show.AsTable
			set, _, err := settings.ResolveAgent(agentSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			var from time.Time
			if since > 0 {
				from = time.Now().Add(-time.Duration(since))
			}
			records, err := app.AgentAudit(set, from, user, limit)
			if err != nil {
				return failed(err)
			}
			return failed(cli.WriteAudit(out, records))
		},
	}
	fs := cmd.Flags()
	app.Defaults().AddAgentFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case settings.ConfigFlag, "name", "state-dir", "directory":
		default:
			f.Hidden = true // accepted, because the agent accepts it, but without effect here
		}
	})
	fs.Var(&since, "since", "show what happened in the last `TIME`, such as 1h or 7d (default: as far as the audit goes)")
	fs.StringVar(&user, "user", "", "show the records of the user `NAME`")
	fs.IntVar(&limit, "limit", 0, "show at most this `NUMBER` of records, the newest (default: all, up to 10000)")
	output.add(fs)
	output.addJSON(fs)
	completeOutput(cmd)
	return cmd
}
