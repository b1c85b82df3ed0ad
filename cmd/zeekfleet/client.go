package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// clientFlags are the flags that every client command has.
type clientFlags struct {
	configFile, controller string
	context                string
	apiToken, fingerprint  string
	set                    []string
	quiet                  bool
	verbose                int
	timeout                time.Duration
	output                 outputFlags
}

func (f *clientFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.configFile, "configfile", "c", "", "`FILE` with zeek-client's settings ("+cli.EnvConfigFile+")")
	fs.StringVar(&f.controller, "controller", "", "`HOST:PORT` of the controller, either of which may be omitted (default 127.0.0.1:2149); of several controllers, a list with commas")
	fs.StringVar(&f.context, "context", "", "`NAME` of a context to use instead of the current one ("+cli.EnvContext+")")
	fs.StringVar(&f.apiToken, "api-token-file", "", "`FILE` with an API token to show in place of a certificate ("+cli.EnvAPIToken+" has the token itself)")
	fs.StringVar(&f.fingerprint, "fingerprint", "", "`SHA256` of the controller's authority, for an API token without a context ("+cli.EnvFingerprint+")")
	fs.StringArrayVar(&f.set, "set", nil, "`SECTION.KEY=VAL` to change a setting; repeatable ("+cli.EnvConfigSettings+")")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing but results")
	fs.CountVarP(&f.verbose, "verbose", "v", "say more; repeatable")
	f.output.add(fs)
	fs.Func("timeout", "longest `TIME` for the whole command, such as 30s; a bare number counts seconds", f.setTimeout)
}

func (f *clientFlags) setTimeout(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil || d <= 0 {
		return errors.New("not a time above zero, such as 30s")
	}
	f.timeout = d
	return nil
}

// clientCommand makes cmd a client command: it adds the common flags, and runs
// do with the settings resolved. do returns the exit status.
func clientCommand(s streams, cmd *cobra.Command, do func(ctx context.Context, c *cli.Commands, args []string) int) *cobra.Command {
	var flags clientFlags
	flags.add(cmd.Flags())
	completeFlag(cmd, "context", contextNames)
	completeSettings(cmd)
	completeOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := exclusive(cmd, "quiet", "verbose"); err != nil {
			return err
		}
		collectLate()
		c, err := flags.commands(s)
		if err != nil {
			return err
		}
		if c.Output, err = flags.output.settings(cmd, s); err != nil {
			return err
		}
		ctx := cmd.Context()
		if flags.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, flags.timeout)
			defer cancel()
		}
		return finished(do(ctx, c, args))
	}
	return cmd
}

// collectLate makes the garbage collector of a client command wait longer. A command lives
// for milliseconds and has little; collecting took a tenth of its time.
func collectLate() { debug.SetGCPercent(400) }

// commands resolves the client's settings from flags, environment and settings
// file, and returns the commands that use them.
func (f *clientFlags) commands(s streams) (*cli.Commands, error) {
	known, err := contexts()
	if err != nil && f.context != "" {
		return nil, failed(err)
	} // otherwise, without a home there are no contexts
	resolved, warnings, err := cli.ResolveSettings(cli.SettingsSources{
		ReadFile:     settings.ReadFile,
		ConfigFile:   f.configFile,
		DefaultFiles: clientConfigFiles(),
		LookupEnv:    os.LookupEnv,
		Set:          f.set,
		Controller:   f.controller,
		Verbosity:    f.verbose,
		Contexts:     known,
		Context:      f.context,
		APITokenFile: f.apiToken,
		Fingerprint:  f.fingerprint,
	})
	if _, misuse := errors.AsType[*cli.UsageError](err); misuse {
		return nil, err
	} else if err != nil {
		return nil, failed(err)
	}
	log := &cli.Log{
		Out: s.err, Program: "zeekfleet", Quiet: f.quiet, Verbosity: resolved.Verbosity, Rich: resolved.RichLogging,
	}
	for _, text := range warnings {
		log.Warning("%s", text)
	}
	hostname, _ := os.Hostname() // cli.Commands accepts an empty name
	return &cli.Commands{
		Settings: resolved, Log: log, Stdin: s.in, Stdout: s.out,
		Hostname: hostname, AppName: appName(), AskPassphrase: askPassphrase,
	}, nil
}

// clientConfigFiles returns the usual paths of zeek-client's settings file, the
// user's own file first.
func clientConfigFiles() []string {
	files := []string{"/etc/zeek-client.cfg"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append([]string{filepath.Join(dir, "zeek-client.cfg")}, files...)
	}
	return files
}
