package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// streams are the standard streams. Results go to out, all else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// subcommands returns the constructors of all subcommands, in the order in which
// help lists them.
func subcommands() []func(streams) *cobra.Command {
	return []func(streams) *cobra.Command{
		newUpCommand,
		newControllerCommand,
		newAgentCommand,
		newNodeCommand,
		newCheckCommand,
		newConfigCommand,
		newDeployConfigCommand,
		newStageConfigCommand,
		newDeployCommand,
		newGetConfigCommand,
		newGetInstancesCommand,
		newGetNodesCommand,
		newCrashesCommand,
		newGetIDValueCommand,
		newRestartCommand,
		newTestTimeoutCommand,
		newSimCommand,
		newVersionCommand,
	}
}

func main() {
	proc.ChildMain()          // does not return where this process is to become a node
	log.SetOutput(io.Discard) // net/http's own; what it has to say, its errors say too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		// From then on another signal ends the process at once. Not before: some
		// programs send each signal to a process and to its group.
		time.AfterFunc(time.Second, stop)
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes the command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand(streams{stdin, stdout, stderr})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return cli.StatusDone
	}
	end, ok := errors.AsType[*exitError](err)
	if !ok {
		fmt.Fprintf(stderr, "zeekfleet: %s\nzeekfleet: see %s --help\n", misuseText(err), cmd.CommandPath())
		return cli.StatusMisuse
	}
	if end.err != nil {
		fmt.Fprintf(stderr, "zeekfleet: %v\n", end.err)
	}
	return end.status
}

// exitError ends a command whose arguments were in order. Any other error of a
// command is a misuse of it.
type exitError struct {
	status int
	err    error // nil if everything has been said
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// failed makes err, if it is one, the failure of a command.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{cli.StatusFailed, err}
}

// finished ends a command that has said everything.
func finished(status int) error {
	if status == cli.StatusDone {
		return nil
	}
	return &exitError{status: status}
}

func newRootCommand(s streams) *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:           "zeekfleet",
		Short:         "Runs Zeek clusters across hosts",
		Version:       programVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("verbose") && cmd.Flags().NFlag() == 1 { // -v alone can mean but one thing
				_, err := fmt.Fprintln(cmd.OutOrStdout(), programVersion())
				return failed(err)
			}
			return errors.New("please provide a command to execute")
		},
		PersistentPreRun: warnOfVariables,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagProblem)
	root.SetHelpCommand(newHelpCommand())
	// The flags of client commands may stand before the command; here they only
	// tell cobra which of them take an argument.
	new(clientFlags).add(root.Flags())
	root.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	for _, construct := range subcommands() {
		cmd := construct(s)
		completeArguments(cmd)
		root.AddCommand(cmd)
	}
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = cobra.NoArgs
		completion.RunE = func(*cobra.Command, []string) error {
			return errors.New("please say for which shell: bash, zsh, fish or powershell")
		}
	}
	return root
}
