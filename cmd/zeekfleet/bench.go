//go:build !noetcd

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/bench"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
)

func newBenchCommand(streams) *cobra.Command {
	usual, others := bench.Names()
	cfg := bench.Config{}
	cmd := &cobra.Command{
		Use:   "bench [FIGURE...]",
		Short: "Measure how fast and how small the program is",
		Long: "Measure how fast and how small the program is, and print each figure beside its\n" +
			"budget. Without arguments, make the figures " + strings.Join(usual, ", ") + ".\n" +
			"By name, or with --full, also " + strings.Join(others, ", ") + ".\n" +
			"A figure beyond its budget is marked MISSED, and is no failure. For developers.",
		Hidden:            true,
		ValidArgs:         append(usual, others...),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Only, cfg.Out, cfg.Version = args, cmd.OutOrStdout(), programVersion()
			if _, err := os.Stat(filepath.Join("cmd", "zeekfleet", "bench.go")); err == nil {
				cfg.Source = "."
			}
			return failed(bench.Run(cmd.Context(), cfg))
		},
	}
	cmd.Flags().BoolVar(&cfg.Full, "full", false, "make all figures; takes more than ten minutes")
	cmd.Flags().BoolVar(&cfg.Zeek, "zeek", false, "let the nodes of the small cluster run the Zeek that is found, and measure that")
	cmd.Flags().StringVar(&cfg.Write, "write", "", "replace the tables of these figures in `FILE`, such as docs/performance.md")
	return cmd
}

// newBenchHelperCommand returns the command of processes that bench starts.
func newBenchHelperCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use: bench.HelperCommand, Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return failed(bench.Helper(cmd.Context(), args, s.in, cmd.OutOrStdout()))
		},
	}
}

// newCrowdCommand returns the command of the attackers that bench starts.
func newCrowdCommand(streams) *cobra.Command {
	return &cobra.Command{
		Use: crowd.Command, Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			crowd.MainIfCalled()
			return errors.New("only zeekfleet bench calls this command")
		},
	}
}
