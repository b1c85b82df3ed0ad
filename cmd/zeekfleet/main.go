package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// streams are the standard streams. Results go to out, all other text goes to
// err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// commandGroup is a group of subcommands under one title.
type commandGroup struct {
	title    string
	commands []command
}

// command is a subcommand that is not constructed yet: hundreds of flags take longer than
// most requests.
type command struct {
	name      string
	construct func(streams) *cobra.Command
}

const otherCommands = "Other commands"

// subcommands returns all subcommands, in the order in which help lists them.
func subcommands() []commandGroup {
	return []commandGroup{
		{"Run a cluster, on this host", []command{
			{"up", newUpCommand}, {"controller", newControllerCommand}, {"agent", newAgentCommand}, {"node", newNodeCommand},
			{"check", newCheckCommand}, {"config", newConfigCommand}, {"health", newHealthCommand}, {"backup", newBackupCommand}, {"restore", newRestoreCommand},
		}},
		{"Operate a cluster", []command{
			{"status", newStatusCommand}, {"nodes", newNodesCommand}, {"plan", newPlanCommand}, {"preflight", newPreflightCommand}, {"deploy", newDeployCommand},
			{"rollback", newRollbackCommand}, {"history", newHistoryCommand}, {"option", newOptionCommand}, {"bundle", newBundleCommand},
			{"show", newShowCommand}, {"diff", newDiffCommand}, {"start", newStartCommand}, {"stop", newStopCommand},
			{"restart", newRestartCommand}, {"pause", newPauseCommand}, {"resume", newResumeCommand},
			{"operations", newOperationsCommand}, {"operation", newOperationCommand}, {"events", newEventsCommand}, {"alerts", newAlertsCommand},
			{"watch", newWatchCommand}, {"top", newTopCommand}, {"netstats", newNetStatsCommand}, {"capstats", newCapStatsCommand},
			{"peers", newPeersCommand}, {"df", newDFCommand}, {"logs", newLogsCommand}, {"diag", newDiagCommand}, {"crashes", newCrashesCommand},
			{"hosts", newHostsCommand}, {"controllers", newControllersCommand}, {"hardware", newHardwareCommand}, {"dispatch", newDispatchCommand}, {"scripts", newScriptsCommand}, {"exec", newExecCommand},
		}},
		{"Ask a controller, as zeek-client does", []command{
			{"deploy-config", newDeployConfigCommand}, {"stage-config", newStageConfigCommand}, {"get-config", newGetConfigCommand},
			{"get-history", newGetHistoryCommand},
			{"get-instances", newGetInstancesCommand}, {"get-nodes", newGetNodesCommand}, {"get-id-value", newGetIDValueCommand},
			{"monitor", newMonitorCommand}, {"test-timeout", newTestTimeoutCommand}, {"show-settings", newShowSettingsCommand},
		}},
		{"Say who may do what, at a controller", []command{
			{"token", newTokenCommand}, {"user", newUserCommand}, {"cert", newCertCommand}, {"ca", newCACommand},
			{"audit", newAuditCommand}, {"login", newLoginCommand}, {"logout", newLogoutCommand},
			{"context", newContextCommand}, {"whoami", newWhoAmICommand},
		}},
		{"Come from another manager, or go back", []command{{"import", newImportCommand}, {"export", newExportCommand}}},
		{otherCommands, append(developers(), command{"version", newVersionCommand})},
	}
}

func main() {
	log.SetOutput(io.Discard) // only net/http logs there; its errors say the same
	ctx, stop := signal.NotifyContext(context.Background(), endSignals(os.Getpid())...)
	context.AfterFunc(ctx, func() {
		// A second later another signal ends the process at once. The pause is
		// there because some programs send each signal both to a process and to its
		// group.
		time.AfterFunc(time.Second, stop)
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// endSignals are the signals with which somebody asks a process with this PID to end. Keepers of
// containers send the first process other ones, too, and that process would die of them with
// everything that it has started: SIGHUP, SIGQUIT, SIGPWR, and SIGRTMIN+3.
func endSignals(pid int) []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if pid == 1 {
		list = append(list, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPWR, syscall.Signal(34+3))
	}
	return list
}

// run executes the command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if asZeekClient() {
		return runZeekClient(ctx, args, streams{stdin, stdout, stderr})
	}
	root := newRootCommand(streams{stdin, stdout, stderr}, firstCommand(args))
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

// exitError ends a command whose arguments are right. Any other error of a
// command is an error in its arguments.
type exitError struct {
	status int
	err    error // nil if the command has printed its errors itself
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// failed returns the exitError of a command that failed with err. It returns nil
// if err is nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{cli.StatusFailed, err}
}

// finished returns the exitError of a command that has printed its errors itself.
// It returns nil if the status is StatusDone.
func finished(status int) error {
	if status == cli.StatusDone {
		return nil
	}
	return &exitError{status: status}
}

// firstCommand returns the name of the subcommand that a command line names first, after
// flags of client commands, or nothing. It reads flags as cobra does.
func firstCommand(args []string) string {
	name := firstArgument(args)
	for _, group := range subcommands() {
		for _, c := range group.commands {
			if c.name == name {
				return name
			}
		}
	}
	return ""
}

// firstArgument returns the first argument after flags of client commands, or nothing if
// there is none, or a flag that not every client command has.
func firstArgument(args []string) string {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(clientFlags).add(flags)
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		if !isFlag {
			return args[i]
		}
		name, long := strings.CutPrefix(name, "-")
		name, _, hasValue := strings.Cut(name, "=")
		var f *pflag.Flag
		switch {
		case long:
			f = flags.Lookup(name)
		case len(name) == 1: // cobra looks no closer at -xVALUE either
			f = flags.ShorthandLookup(name)
		}
		if f == nil {
			return ""
		}
		if f.NoOptDefVal == "" && !hasValue {
			i++
		}
	}
	return ""
}

// newRootCommand returns the root command, with the subcommand only. If only is empty, it
// has all of them.
func newRootCommand(s streams, only string) *cobra.Command {
	cobra.EnableCommandSorting = false
	var asksVersion bool
	root := &cobra.Command{
		Use:           "zeekfleet",
		Short:         "Runs Zeek clusters across hosts",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			alone := cmd.Flags().Changed("verbose") && cmd.Flags().NFlag() == 1
			if asksVersion || alone { // -v without a command asks for the version, too
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
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagProblem)
	root.SetHelpCommand(newHelpCommand())
	// The flags of client commands may stand before the command. The root command
	// has them so that cobra knows which of them take an argument.
	new(clientFlags).add(root.Flags())
	root.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	// cobra's own flag prints the version through text/template. That package makes a
	// program keep every method of every type, because a template can name any of them.
	root.Flags().BoolVar(&asksVersion, "version", false, "version for zeekfleet")
	for _, group := range subcommands() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			if only != "" && c.name != only {
				continue
			}
			cmd := c.construct(s)
			cmd.GroupID = group.title
			completeArguments(cmd)
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(otherCommands)
	root.SetCompletionCommandGroupID(otherCommands)
	if only != "" {
		return root
	}
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args = cobra.NoArgs
		completion.RunE = func(*cobra.Command, []string) error {
			return errors.New("please name a shell: bash, zsh, fish or powershell")
		}
		completeInBash(completion)
	}
	return root
}
