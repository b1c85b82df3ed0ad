package dropin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// Version is what --version prints: the version of zeek-client that this package
// stands in for.
const Version = "1.4.0-12"

// statusInterrupted is the exit status of a command that the user interrupted, as shells
// have it for SIGINT. monitor ends by an interruption, so its status is cli.StatusDone.
const statusInterrupted = 130

// Host is what a command line meets: streams, environment, files.
type Host struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// ReadFile is os.ReadFile, or a bounded form of it. LookupEnv is os.LookupEnv.
	ReadFile  func(path string) ([]byte, error)
	LookupEnv func(name string) (string, bool)
	// DefaultFiles are the usual settings files. The first that exists is read.
	DefaultFiles []string
	// Hostname is the name of this host, or empty.
	Hostname string
	// AppName tells the controller which program connects.
	AppName string
	// AskPassphrase asks the person at the terminal for the passphrase of a private key.
	AskPassphrase func(ctx context.Context) (string, error)
}

// Run executes the command line args and returns the exit status.
func Run(ctx context.Context, args []string, host Host) int {
	a, err := parse(args)
	switch {
	case err != nil:
		return host.misused(err)
	case a.help:
		return host.print(a.of.helpText())
	case a.version:
		return host.print(Version + "\n")
	}
	log := &cli.Log{Out: host.Stderr, Quiet: a.quiet}
	settings, warnings, err := cli.ResolveSettings(cli.SettingsSources{
		ReadFile:     host.ReadFile,
		ConfigFile:   a.configFile,
		DefaultFiles: host.DefaultFiles,
		LookupEnv:    host.LookupEnv,
		Set:          a.set,
		Controller:   a.controller,
		Verbosity:    a.verbose,
		AsZeekClient: true,
	})
	if _, ok := errors.AsType[*cli.UsageError](err); ok {
		return host.misused(program().misuse("%v", err))
	}
	if err != nil {
		log.Error("%v", err)
		return cli.StatusFailed
	}
	log.Verbosity, log.Rich = settings.Verbosity, settings.RichLogging
	for _, text := range warnings {
		log.Warning("%s", text)
	}
	if a.command == nil {
		log.Error("please provide a command to execute.")
		return cli.StatusFailed
	}
	status := a.command.run(ctx, &cli.Commands{
		Settings: settings, Log: log, Stdin: host.Stdin, Stdout: host.Stdout, Hostname: host.Hostname,
		AppName: host.AppName, AskPassphrase: host.AskPassphrase, AsZeekClient: true,
	}, a)
	if status != cli.StatusDone && errors.Is(ctx.Err(), context.Canceled) {
		return statusInterrupted
	}
	return status
}

func (h Host) print(text string) int {
	if _, err := io.WriteString(h.Stdout, text); err != nil {
		fmt.Fprintf(h.Stderr, "error: write result: %v\n", err)
		return cli.StatusFailed
	}
	return cli.StatusDone
}

// misused prints the usage and the mistake, as argparse does.
func (h Host) misused(err error) int {
	of := program()
	if m, ok := errors.AsType[*misuse](err); ok {
		of = m.of
	}
	fmt.Fprintf(h.Stderr, "%s%s: error: %s\n", of.usage(), of.name, cli.Printable(err.Error()))
	return cli.StatusMisuse
}
