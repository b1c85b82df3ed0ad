package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/up"
)

func newUpCommand(streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up [CLUSTER.INI]",
		Short: "Run a whole cluster on this host",
		Long: "Run a controller, an agent and a cluster of nodes on this host, and show that\n" +
			"they run. Without a cluster file it runs what was deployed last, or else a\n" +
			"manager, a logger and two workers. Ctrl-C, or the end of the terminal, stops\n" +
			"everything.",
		Args: wantArgs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			began := time.Now()
			cfg, err := upSettings(cmd.Flags())
			if err != nil {
				return err
			}
			cfg.Began = began
			return failed(runUp(cmd, args, cfg))
		},
	}
	flags := cmd.Flags()
	app.Defaults().AddCommonFlags(flags)
	flags.String("name", "", "name of the instance (ZEEK_AGENT_NAME; default agent-<hostname>)")
	flags.String("controller-port", "", upPort("controller for Broker peers", "ZEEK_CONTROLLER_PORT", mgmt.ControllerPort))
	flags.String("websocket-port", "", upPort("controller for clients", "ZEEK_CONTROLLER_WEBSOCKET_PORT", mgmt.ClientPort))
	flags.String("agent-port", "", upPort("agent", "ZEEK_AGENT_PORT", mgmt.AgentPort))
	return cmd
}

// upPort returns the help of a flag that sets a port.
func upPort(of, env string, number int) string {
	return fmt.Sprintf("port of the %s (%s; default %d; 0 for any)", of, env, number)
}

// upFlags maps the flags of `up` that only one daemon has, or that have another
// name there, to the flags of the controller and of the agent. Every other flag of
// `up` goes to both daemons under the same name.
var upFlags = map[string]struct{ controller, agent string }{
	"name":            {agent: "name"},
	"controller-port": {controller: "listen-port"},
	"websocket-port":  {controller: "websocket-port"},
	"agent-port":      {agent: "listen-port"},
}

// upSettings resolves the settings of both daemons from the flags of `up`. A flag
// with a bad value is an error in the arguments.
func upSettings(given *pflag.FlagSet) (cfg up.Config, err error) {
	forController := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	app.Defaults().AddControllerFlags(forController)
	forAgent := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	app.Defaults().AddAgentFlags(forAgent)

	var problem error
	pass := func(to *pflag.FlagSet, name string, f *pflag.Flag) {
		if to.Lookup(name) == nil {
			return
		}
		if err := to.Set(name, f.Value.String()); err != nil {
			problem = badFlag(f.Name, f.Value.String(), errors.Unwrap(err).Error())
		}
	}
	given.Visit(func(f *pflag.Flag) {
		names, own := upFlags[f.Name]
		if !own {
			names.controller, names.agent = f.Name, f.Name
		}
		pass(forController, names.controller, f)
		pass(forAgent, names.agent, f)
	})
	if problem != nil {
		return up.Config{}, problem
	}
	if cfg.Controller, _, err = settings.ResolveController(sources(forController)); err != nil {
		return up.Config{}, failed(err)
	}
	cfg.Agent, _, err = settings.ResolveAgent(sources(forAgent))
	return cfg, failed(err)
}

func runUp(cmd *cobra.Command, args []string, cfg up.Config) error {
	ctx, stop := untilHangup(cmd.Context())
	defer stop()
	cfg.Source = "the default cluster"
	cfg.Version = programVersion()
	if len(args) == 1 {
		cluster, err := readCluster(args[0], cmd.InOrStdin(), cmd.ErrOrStderr(), "zeekfleet up without a file, and then zeekfleet deploy "+args[0]+" in another terminal",
			func(mgmt.InstanceName) (mgmt.Hardware, error) { return app.Hardware(), nil })
		if err != nil {
			return err
		}
		for _, text := range cluster.Doubts {
			fmt.Fprintln(cmd.ErrOrStderr(), "zeekfleet: warning: "+text)
		}
		cfg.Cluster, cfg.Source = new(cli.ForClient(cluster.Config)), args[0]
	}
	app.SaveMemory()
	cfg.Program = programName(os.Args[0])
	cfg.Crashes = cfg.Program + " agent crashes" + whereArgs(cmd.Flags())
	cfg.Out, cfg.Err = cmd.OutOrStdout(), cmd.ErrOrStderr()
	return up.Run(ctx, cfg)
}

// readCluster reads a cluster file and writes its warnings. It does not write the
// file's doubts; each caller decides about them. instead is the command for a file with
// directories of bundles.
func readCluster(path string, stdin io.Reader, warnings io.Writer, instead string, hardware func(mgmt.InstanceName) (mgmt.Hardware, error)) (*clusterfile.Cluster, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "" // nodes without an instance then go to agent-localhost
	}
	cluster, err := clusterfile.Read(path, stdin, clusterfile.Options{Hostname: host, Hardware: hardware, Pack: packsNone(instead)})
	if err != nil {
		return nil, err
	}
	for _, w := range cluster.Warnings {
		fmt.Fprintln(warnings, "zeekfleet: warning: "+w)
	}
	return cluster, nil
}

// packsNone refuses to make bundles of directories: a command that asks no controller has no
// place for them.
func packsNone(instead string) func(string, string) (mgmt.BundleHash, error) {
	return func(string, string) (mgmt.BundleHash, error) {
		return "", fmt.Errorf("only a controller takes the directory of a bundle, and this command asks none: use %s", instead)
	}
}

// programName returns the command by which a user runs this program again. called
// is the program's argument 0. `go run` builds a program that is removed when it
// ends; then the command is the `go run` of the README.
func programName(called string) string {
	if strings.Contains(called, "/go-build") {
		return "go run ./cmd/zeekfleet"
	}
	return called
}

// whereArgs returns the options for `agent crashes` with which it finds the records of
// an `up` with these flags. A blank is before each option.
func whereArgs(given *pflag.FlagSet) string {
	var args strings.Builder
	for _, name := range []string{"config", "name", "state-dir"} {
		if f := given.Lookup(name); f != nil && f.Changed {
			args.WriteString(" --" + name + " " + f.Value.String())
		}
	}
	return args.String()
}
