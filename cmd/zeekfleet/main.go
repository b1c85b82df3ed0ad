// Command zeekfleet runs Zeek clusters across hosts: controller, agents and
// nodes, and the client that tells them what to do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisuse = 2
)

// subcommands returns the constructors of all subcommands, in the order in which
// help lists them. An error of a command's RunE is a failure, unless it is a
// misuse or a finished.
func subcommands() []func() *cobra.Command {
	return []func() *cobra.Command{
		newDeployConfigCommand,
		newStageConfigCommand,
		newDeployCommand,
		newGetConfigCommand,
		newGetInstancesCommand,
		newGetNodesCommand,
		newGetIDValueCommand,
		newRestartCommand,
		newTestTimeoutCommand,
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes the command line and returns the exit status. Results go to
// stdout, all else to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	began := false // the command line was in order
	root := newRootCommand()
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		err := cmd.ValidateFlagGroups() // cobra would do so later
		began = err == nil
		return err
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if end, ok := errors.AsType[*finished](err); ok {
		return end.status
	}
	fmt.Fprintf(stderr, "zeekfleet: %v\n", err)
	if _, misused := errors.AsType[*misuse](err); began && !misused {
		return exitFailed
	}
	fmt.Fprintln(stderr, "zeekfleet: see zeekfleet --help")
	return exitMisuse
}

// misuse is an error in the command line that only the command itself finds.
type misuse struct{ error }

// finished ends a command that has said everything.
type finished struct{ status int }

func (e *finished) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// ending returns the error that ends a command with status.
func ending(status int) error {
	if status == exitDone {
		return nil
	}
	return &finished{status}
}

func newRootCommand() *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:           "zeekfleet",
		Short:         "Runs Zeek clusters across hosts",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(*cobra.Command, []string) error {
			return &misuse{errors.New("please provide a command to execute")}
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	// The flags of client commands may stand before the command; here they only
	// tell cobra which of them take an argument.
	new(clientFlags).add(root.Flags())
	root.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	for _, construct := range subcommands() {
		root.AddCommand(construct())
	}
	return root
}
