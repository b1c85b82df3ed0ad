package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// controllerJoinTimeout bounds the joining of a controller.
const controllerJoinTimeout = time.Minute

// newControllerJoinCommand returns the command with which a controller joins others. It does
// not run the controller.
func newControllerJoinCommand(s streams) *cobra.Command {
	var token cli.TokenSources
	cmd := &cobra.Command{
		Use:   "join HOST[:PORT][,HOST[:PORT]...]",
		Short: "Join other controllers, and end",
		Long: "Make the controller of this host a member of a cluster of controllers. HOST is\n" +
			"one of its controllers, or several. The token is one that\n" +
			"\"zeekfleet token create --for-controller NAME\" prints there; NAME is the name of\n" +
			"this controller. Then start the controller with --cluster (controller.cluster).\n" +
			"It gets the state of the others, and a vote when it has caught up.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			token.Stdin, token.LookupEnv = s.in, os.LookupEnv
			defer os.Unsetenv(cli.EnvToken)
			set, _, err := settings.ResolveController(controllerSources(cmd.Flags()))
			if err != nil {
				return failed(err)
			}
			shown, err := token.Read()
			if usage, ok := errors.AsType[*cli.UsageError](err); ok {
				return usage
			}
			if err != nil {
				return failed(err)
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), controllerJoinTimeout, fmt.Errorf("joining took longer than %v", controllerJoinTimeout))
			defer cancel()
			if err := app.JoinController(ctx, app.ControllerJoining{
				Settings: set, Addresses: strings.Split(args[0], ","), Token: shown.String(), Version: programVersion(),
				Logger: newLogger(cmd.ErrOrStderr(), set.LogLevel),
			}); err != nil {
				return failed(err)
			}
			next := "zeekfleet controller"
			if !set.Cluster.On {
				next += " --cluster, or set controller.cluster"
			}
			_, err = fmt.Fprintf(s.out, "this controller has joined as %s; now start it: %s\n", set.Name, next)
			return failed(err)
		},
	}
	cmd.Flags().StringVar(&token.Token, "token", "", "`TOKEN` from zeekfleet token create --for-controller ("+cli.EnvToken+")")
	cmd.Flags().StringVar(&token.File, "token-file", "", "`FILE` with the token; - is standard input")
	app.Defaults().AddControllerFlags(cmd.Flags())
	return cmd
}
