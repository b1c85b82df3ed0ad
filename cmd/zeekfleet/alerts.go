package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func newAlertsCommand(s streams) *cobra.Command {
	var q api.AlertQuery
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "List alerts, acknowledge and silence them",
		Long: "List the alerts that fire: what in the cluster needs a person, the most urgent\n" +
			"first, and what to do. docs/operations.md has the rules.",
		Args: noSuchSubcommand,
	}
	fs := cmd.Flags()
	all := fs.Bool("all", false, "also those that wait and those that have ended within a day")
	fs.StringVar(&q.Rule, "rule", "", "list the alerts of the rule `NAME`")
	fs.StringVar(&q.Instance, "instance", "", "list the alerts about the instance `NAME` and its nodes")
	fs.StringVar(&q.Node, "node", "", "list the alerts about the node `NAME`")
	fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		return cli.Alerting{Fleet: f}.Alerts(ctx, q, *all)
	})
	cmd.AddCommand(newAlertsAckCommand(s), newAlertsSilenceCommand(s), newAlertsSilencesCommand(s), newAlertsUnsilenceCommand(s),
		newAlertsReceiversCommand(s), newAlertsTestCommand(s))
	return cmd
}

func newAlertsAckCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ack ID",
		Short: "Say that you know of an alert",
		Long: "Say that you know of an alert. Receivers are not reminded of it any more, and it\n" +
			"does not keep the cluster from being well. It goes on until the trouble ends.",
		Args: wantArgs(1, 1),
	}
	note := cmd.Flags().String("note", "", "`TEXT` for the others")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Alerting{Fleet: f}.Acknowledge(ctx, args[0], *note)
	})
}

func newAlertsSilenceCommand(s streams) *cobra.Command {
	var req api.SilenceRequest
	var life ttl
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Keep receivers from being told of some alerts for a time",
		Long: "Keep receivers from being told of some alerts for a time, as during maintenance.\n" +
			"The alerts are shown all the same. One that still fires at the end is told then.",
	}
	fs := cmd.Flags()
	fs.StringVar(&req.Rule, "rule", "", "the alerts of the rule `NAME`")
	fs.StringVar(&req.Instance, "instance", "", "the alerts about the instance `NAME` and its nodes")
	fs.StringVar(&req.Node, "node", "", "the alerts about the node `NAME`")
	fs.StringVar(&req.Subject, "subject", "", "the alerts about the interface, directory or certificate `NAME`")
	fs.Var(&life, "for", "how long, such as 2h or 7d")
	fs.StringVar(&req.Note, "note", "", "`TEXT` for the others")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case req.Rule == "" && req.Instance == "" && req.Node == "" && req.Subject == "":
			return errors.New("name the alerts to silence: --rule, --instance, --node or --subject")
		case life == 0:
			return errors.New("say how long: --for 2h")
		}
		return wantArgs(0, 0)(cmd, args)
	}
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		req.Seconds = int64(time.Duration(life) / time.Second)
		return cli.Alerting{Fleet: f}.Silence(ctx, req)
	})
}

func newAlertsSilencesCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "silences", Short: "List the silences that have not ended", Args: wantArgs(0, 0),
	}, func(ctx context.Context, f cli.Fleet, _ []string) int { return cli.Alerting{Fleet: f}.Silences(ctx) })
}

func newAlertsUnsilenceCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "unsilence NUMBER", Short: "End a silence before its time", Args: numbered("a silence", 1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Alerting{Fleet: f}.EndSilence(ctx, numbers(args, 1)[0])
	})
}

func newAlertsReceiversCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "receivers", Short: "List the receivers of alerts, and how they are", Args: wantArgs(0, 0),
	}, func(ctx context.Context, f cli.Fleet, _ []string) int {
		return cli.Alerting{Fleet: f}.AlertReceivers(ctx)
	})
}

func newAlertsTestCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use: "test RECEIVER", Short: "Send a test to a receiver of alerts", Args: wantArgs(1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Alerting{Fleet: f}.TestReceiver(ctx, args[0])
	})
}

// alertRules are the rules as a user can name them.
func alertRules() (names []string) {
	for _, r := range mgmt.AlertRules() {
		names = append(names, string(r))
	}
	return names
}
