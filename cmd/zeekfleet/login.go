package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// loginTimeout bounds a login.
const loginTimeout = 30 * time.Second

func newLoginCommand(s streams) *cobra.Command {
	var token cli.TokenSources
	var l cli.Login
	cmd := &cobra.Command{
		Use:   "login HOST[:PORT]",
		Short: "Log in to a controller with a token from an admin",
		Long: "Make a key, get a certificate from the controller for a token, and store both as\n" +
			"a context. Client commands then ask this controller. \"zeekfleet user add\" prints\n" +
			"the token.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			token.Stdin, token.LookupEnv = s.in, os.LookupEnv
			l.Address, l.Log = args[0], &cli.Log{Out: s.err, Program: "zeekfleet"}
			var err error
			if l.Token, err = token.Read(); err == nil {
				l.Contexts, err = contexts()
			}
			if err == nil {
				ctx, cancel := context.WithTimeout(cmd.Context(), loginTimeout)
				defer cancel()
				err = l.Run(ctx)
			}
			if _, misuse := errors.AsType[*cli.UsageError](err); misuse {
				return err
			}
			return failed(err)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&token.Token, "token", "", "`TOKEN` from zeekfleet user add ("+cli.EnvToken+")")
	fs.StringVar(&token.File, "token-file", "", "`FILE` with the token; - is standard input")
	fs.StringVar(&l.Name, "name", "", "`NAME` of the context (default: the controller's host)")
	return cmd
}
