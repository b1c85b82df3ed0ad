package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

func newAgentCommand(s streams) *cobra.Command {
	var join joinFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run this host's agent",
		Long: "Run this host's agent: it starts, watches and stops the cluster nodes of this\n" +
			"host. It ends on SIGINT or SIGTERM; its nodes go on, and the agent that starts\n" +
			"next takes them over. With --stop-nodes, and as the first process of a\n" +
			"container, it stops them first.\n\n" +
			"With --join the agent first becomes a member of a controller's cluster: it gets\n" +
			"its name and certificates for a token that \"zeekfleet token create\" prints on\n" +
			"the controller. Later it starts without --join. Where the controller cannot be\n" +
			"reached, \"agent csr\" and \"agent install\" do the same with two files.",
		Annotations: map[string]string{runsItself: "yes"},
		Args:        noSuchSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			surviveClosedPipes()
			service, done := asService(cmd.Context())
			defer done()
			if err := join.run(cmd, s); err != nil {
				return err
			}
			set, _, err := settings.ResolveAgent(agentSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			forgetFlags(cmd)
			app.SaveMemory()
			log := newLogger(cmd.ErrOrStderr(), set.LogLevel)
			a, err := app.OpenAgent(cmd.Context(), set, log, app.PortFlags{Broker: "--listen-port"})
			if join.address != "" {
				err = app.AfterJoin(err)
			}
			if err != nil {
				return failed(err)
			}
			a.About.Version, a.About.Build, a.Service = programVersion(), programBuild(), service
			if set.Lifecycle.StopNodes.Applies(os.Getpid()) {
				why := "agent.stop_nodes is always"
				if set.Lifecycle.StopNodes != settings.StopNodesAlways {
					why = "it is the first process of a container, and all others end with it"
				}
				return failed(runStopping(cmd.Context(), a, log, why))
			}
			return ended(cmd.Context(), a.Run(cmd.Context()))
		},
	}
	join.add(cmd)
	app.Defaults().AddAgentFlags(cmd.Flags())
	for _, sub := range []*cobra.Command{newAgentJoinCommand(s), newAgentCSRCommand(s), newAgentInstallCommand(s), newAgentNodesCommand(s), newAgentAuditCommand(s), newAgentCrashesCommand(s)} {
		completeArguments(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

// runStopping runs an agent. When ctx is done, the agent stops its nodes in order,
// and ends when they have ended. why is the reason, for the log.
func runStopping(ctx context.Context, a app.Agent, log *slog.Logger, why string) error {
	stopNodes := make(chan struct{})
	a.StopNodes = stopNodes
	stop := context.AfterFunc(ctx, func() {
		log.Info("agent stops its nodes and ends: " + why)
		close(stopNodes)
	})
	defer stop()
	return a.Run(context.WithoutCancel(ctx))
}

// joinTimeout bounds the joining of a cluster.
const joinTimeout = 30 * time.Second

// joinFlags say whether and how an agent joins a cluster before it runs.
type joinFlags struct {
	address string
	replace bool
	token   cli.TokenSources
}

func (j *joinFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&j.address, "join", "", "first join the cluster of the controller at `HOST[:PORT]`, or of several with commas; an agent that has joined already only notes the address")
	j.addToken(cmd)
}

func (j *joinFlags) addToken(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&j.token.Token, "token", "", "`TOKEN` from zeekfleet token create, for joining ("+cli.EnvToken+")")
	fs.StringVar(&j.token.File, "token-file", "", "`FILE` with the token; - is standard input")
	fs.BoolVar(&j.replace, "replace", false, "join although this agent has joined before, or although another agent has the name; the certificates of the other agent are revoked")
}

// newAgentJoinCommand returns the command that joins a cluster and does nothing else. A
// service manager can then start the agent without a token.
func newAgentJoinCommand(s streams) *cobra.Command {
	var join joinFlags
	cmd := &cobra.Command{
		Use:   "join HOST[:PORT]",
		Short: "Join a controller's cluster, and end",
		Long: "Join the cluster of the controller at HOST, with a token that \"zeekfleet token\n" +
			"create\" prints there: get the name and the certificates of this host's agent.\n" +
			"Then start the agent, as with systemctl enable --now zeekfleet-agent. It does what\n" +
			"\"zeekfleet agent --join\" does, and does not run the agent.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			join.address = args[0]
			return join.run(cmd, s)
		},
	}
	join.addToken(cmd)
	addStateDirFlags(cmd)
	return cmd
}

// fromCredential takes the token from the service manager, if nothing else names one.
func (j *joinFlags) fromCredential() {
	if _, set := j.token.LookupEnv(cli.EnvToken); set || j.token.Token != "" || j.token.File != "" {
		return
	}
	if path, ok := systemd.Credential(tokenCredential); ok {
		j.token.File = path
	}
}

// run joins the cluster, if --join says so. Neither this process nor the nodes that it
// starts have the token in their environment afterwards.
func (j *joinFlags) run(cmd *cobra.Command, s streams) error {
	j.token.Stdin, j.token.LookupEnv = s.in, os.LookupEnv
	defer os.Unsetenv(cli.EnvToken)
	if j.address == "" {
		for _, flag := range []string{"token", "token-file", "replace"} {
			if cmd.Flags().Changed(flag) {
				return fmt.Errorf("--%s needs --join, with the host of the controller", flag)
			}
		}
		return nil
	}
	set, err := settings.ResolveJoining(daemonSources("agent", cmd.Flags()))
	if err != nil {
		return failed(err)
	}
	j.fromCredential()
	token, err := j.token.Read()
	text := token.String()
	if usage, ok := errors.AsType[*cli.UsageError](err); ok {
		if cmd.Flags().Changed("token") && cmd.Flags().Changed("token-file") {
			return usage
		}
		text, err = "", nil // an agent that has joined needs none
	}
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), joinTimeout, fmt.Errorf("joining took longer than %v", joinTimeout))
	defer cancel()
	return failed(app.Join(ctx, app.Joining{
		StateDir: set.StateDir, Name: set.Name, Address: j.address, Token: text, Replace: j.replace,
		Logger: newLogger(cmd.ErrOrStderr(), set.LogLevel),
	}))
}
