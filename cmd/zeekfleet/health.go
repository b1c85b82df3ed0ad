package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// Bounds of what is asked for the health of a daemon.
const (
	healthTimeout = 5 * time.Second
	maxHealth     = 16 << 10
)

func newHealthCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health {agent|controller}",
		Short: "Say whether the daemon of this host is well, for probes",
		Long: "Ask this host's agent or controller whether the nodes run that should run, and\n" +
			"end with status 0 if they do, else with 1. It reads the daemon's own settings\n" +
			"and needs no token. Probes of containers call it, because an image has no curl.\n" +
			"An agent answers if agent.metrics_listen is set.",
		Args: noSuchSubcommand,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("please name a daemon: zeekfleet health agent, or zeekfleet health controller")
		},
	}
	for _, sub := range []*cobra.Command{newHealthAgentCommand(s), newHealthControllerCommand(s)} {
		completeArguments(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func newHealthAgentCommand(s streams) *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Say whether this host's agent is well",
		Args:  wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, _, err := settings.ResolveAgent(agentSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			if !set.MetricsListen.Addr.IsValid() {
				return failed(errors.New("the agent serves no health: set agent.metrics_listen (ZEEKFLEET_AGENT_METRICS_LISTEN), such as 127.0.0.1:9989"))
			}
			at := "http://" + app.Reachable(set.MetricsListen.AddrPort().String())
			return failed(askHealth(cmd.Context(), s.out, at+choosePath(live, metrics.LivePath, metrics.HealthPath)))
		},
	}
	app.Defaults().AddAgentFlags(cmd.Flags())
	addHealthFlags(cmd.Flags(), &live, "metrics-listen")
	return cmd
}

func newHealthControllerCommand(s streams) *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Say whether this host's controller is well",
		Args:  wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, _, err := settings.ResolveController(controllerSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			if set.WebSocket.Off || set.WebSocket.Port == 0 {
				return failed(errors.New("the controller has no fixed port for clients: set controller.websocket_port"))
			}
			at := "https://" + app.Reachable(set.WebSocket.AddrPort().String())
			return failed(askHealth(cmd.Context(), s.out, at+choosePath(live, api.PathLive, api.PathHealth)))
		},
	}
	app.Defaults().AddControllerFlags(cmd.Flags())
	addHealthFlags(cmd.Flags(), &live, "websocket-port", "websocket-address")
	return cmd
}

// addHealthFlags adds the flag of both commands, and hides flags of the daemon that have no
// effect on them.
func addHealthFlags(fs *pflag.FlagSet, live *bool, shown ...string) {
	shown = append(shown, settings.ConfigFlag, "state-dir")
	fs.VisitAll(func(f *pflag.Flag) {
		f.Hidden = !slices.Contains(shown, f.Name)
	})
	fs.BoolVar(live, "live", false, "only say whether the daemon serves, whatever its nodes do")
}

func choosePath(live bool, livePath, healthPath string) string {
	if live {
		return livePath
	}
	return healthPath
}

// askHealth prints what a daemon of this host says of itself. It does not check the daemon's
// certificate: it tells the daemon nothing, and whoever has the port could lie anyway.
func askHealth(ctx context.Context, out io.Writer, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout, fmt.Errorf("no answer within %v", healthTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("the daemon does not answer: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxHealth))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	said := healthSaid(body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not well: %s", cli.Printable(cmp.Or(said, answer.Status)))
	}
	_, err = fmt.Fprintln(out, cli.Printable(said))
	return err
}

// healthSaid returns what an answer tells, which is a line of an agent or JSON of a controller.
func healthSaid(body []byte) string {
	var told struct{ Detail, Title string }
	if json.Unmarshal(body, &told) == nil {
		return cmp.Or(told.Detail, told.Title, "ok")
	}
	return strings.TrimSpace(string(body))
}
