package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newRestartCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart [SELECTOR...]",
		Short: "Restart nodes, or all of them",
		Long: "Restart nodes, or all of them. With --rolling, each batch of nodes waits for the\n" +
			"one before to be RUNNING, and never takes all workers of an interface. The restart\n" +
			"stops at the first failure, and --resume goes on with it.\n\n" + selectorHelp,
		Args: cobra.ArbitraryArgs,
	}
	var rolling batch
	cmd.Flags().Var(&rolling, "rolling", "restart `N` nodes at a time, or N% of them (one if --rolling has no =N)")
	cmd.Flags().Lookup("rolling").NoOptDefVal = "1"
	resumes := cmd.Flags().Uint64("resume", 0, "go on with the rolling restart `ID` that has failed or was interrupted")
	note := addNote(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("resume") && (len(args) > 0 || cmd.Flags().Changed("rolling")) {
			return errors.New("a rolling restart that is resumed has its nodes and batches already: give --resume alone")
		}
		return nil
	}
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		// zeek-client's request restarts named nodes alone. Zeek's controller knows it too.
		if !rolling.given && *resumes == 0 && *note == "" && !slices.ContainsFunc(args, isPattern) {
			return c.Restart(ctx, args)
		}
		return newFleet(s, c).Operate(ctx, api.OperateRequest{
			Kind: api.KindRestart, Selectors: args, Rolling: rolling.given, Batch: rolling.nodes, Percent: rolling.percent, Resumes: *resumes, Note: *note,
		})
	})
}

// isPattern reports whether a selector may name something else than one node.
func isPattern(selector string) bool {
	return strings.HasPrefix(selector, "@") || strings.HasPrefix(selector, "%") || strings.ContainsAny(selector, `*?[\`)
}

// batch is the value of --rolling: a number of nodes, or a percentage.
type batch struct {
	given          bool
	nodes, percent int
}

// String implements pflag.Value.
func (b *batch) String() string { return "" }

// Type implements pflag.Value.
func (b *batch) Type() string { return "N" }

// Set implements pflag.Value.
func (b *batch) Set(text string) error {
	digits, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || isPercent && n > 100 {
		return errors.New("not a number of nodes such as 2, nor a percentage such as 10%")
	}
	*b = batch{given: true, nodes: n}
	if isPercent {
		*b = batch{given: true, percent: n}
	}
	return nil
}
