package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// operateCommand makes cmd a command that does something with the selected nodes.
func operateCommand(s streams, kind, use, short, long string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long + "\n\n" + selectorHelp, Args: wantSelectors}
	note := addNote(cmd)
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return f.Operate(ctx, api.OperateRequest{Kind: kind, Selectors: args, Note: *note})
	})
}

func newStartCommand(s streams) *cobra.Command {
	return operateCommand(s, api.KindStart, "start SELECTOR...", "Start nodes that were stopped", "Start nodes that were stopped.")
}

func newStopCommand(s streams) *cobra.Command {
	return operateCommand(s, api.KindStop, "stop SELECTOR...", "Stop nodes until they are started again",
		"Stop nodes. They stay stopped until zeekfleet start starts them, also when their\nconfiguration is deployed again.")
}

func newPauseCommand(s streams) *cobra.Command {
	return operateCommand(s, api.KindPause, "pause SELECTOR...", "Do not restart nodes when they end by themselves",
		"Do not restart nodes when they end by themselves, for example while one is\ndebugged.")
}

func newResumeCommand(s streams) *cobra.Command {
	return operateCommand(s, api.KindResume, "resume SELECTOR...", "Restart nodes again when they end by themselves",
		"Restart nodes again when they end by themselves.")
}
