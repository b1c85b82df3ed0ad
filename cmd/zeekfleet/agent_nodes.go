package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func newAgentNodesCommand(s streams) *cobra.Command {
	var output outputFlags
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show the nodes of this host, without a controller",
		Long: "Show the nodes of this host: the state that its agent has noted last, since when\n" +
			"and why, and the process that lives. The command reads the files of the agent,\n" +
			"which root and the agent's own user may read, and asks nobody: neither the agent\n" +
			"nor the controller need run. \"zeekfleet nodes\" shows those of all hosts.",
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
			found, err := app.LocalNodes(set)
			if err != nil {
				return failed(err)
			}
			list := make([]cli.LocalNode, len(found))
			for i, n := range found {
				list[i] = cli.LocalNode{
					Node: string(n.Node), State: string(n.State), Since: n.Since.UTC(), PID: n.PID, Started: n.Started.UTC(), Cause: n.Cause,
				}
			}
			return failed(cli.WriteLocalNodes(out, list))
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
	output.add(fs)
	output.addJSON(fs)
	completeOutput(cmd)
	return cmd
}
