package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// loginTimeout bounds a login. ssoTimeout bounds one for which a person goes to a
// provider's page.
const (
	loginTimeout = 30 * time.Second
	ssoTimeout   = 30 * time.Minute
)

func newLoginCommand(s streams) *cobra.Command {
	var l loginFlags
	cmd := &cobra.Command{
		Use:   "login HOST[:PORT][,…]",
		Short: "Log in to a controller with a token from an admin, or with --sso",
		Long: "Make a key, get a certificate from the controller, and store both as a context.\n" +
			"Of several controllers, give one, or a list with commas.\n" +
			"Client commands then ask this controller. \"zeekfleet user add\" prints the token.\n" +
			"With --sso, log in at the provider of identities that the controller names.",
		Args: wantArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !l.sso && (l.fingerprint != "" || l.caFile != "") {
				return errors.New("--fingerprint and --cafile are for --sso: a token names the controller's authority itself")
			}
			err := l.run(cmd.Context(), s, args[0])
			if _, misuse := errors.AsType[*cli.UsageError](err); misuse {
				return err
			}
			return failed(err)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&l.token.Token, "token", "", "`TOKEN` from zeekfleet user add ("+cli.EnvToken+")")
	fs.StringVar(&l.token.File, "token-file", "", "`FILE` with the token; - is standard input")
	fs.StringVar(&l.name, "name", "", "`NAME` of the context (default: the controller's host)")
	fs.BoolVar(&l.replace, "replace", false, "overwrite the context with that name, although it is another user's")
	fs.BoolVar(&l.sso, "sso", false, "log in at the provider of identities")
	fs.StringVar(&l.fingerprint, "fingerprint", "", "with --sso: `FINGERPRINT` of the controller's authority, which zeekfleet ca show prints at the controller (default: that of the context before, or ask)")
	fs.StringVar(&l.caFile, "cafile", "", "with --sso: PEM `FILE` with the certificate of the controller's authority")
	cmd.MarkFlagsMutuallyExclusive("sso", "token")
	cmd.MarkFlagsMutuallyExclusive("sso", "token-file")
	return cmd
}

type loginFlags struct {
	token                     cli.TokenSources
	sso                       bool
	name, fingerprint, caFile string
	replace                   bool
}

func (l loginFlags) run(ctx context.Context, s streams, address string) error {
	log := &cli.Log{Out: s.err, Program: "zeekfleet"}
	if l.sso {
		stored, err := contexts()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, ssoTimeout, errors.New("the login took too long: log in again"))
		defer cancel()
		return cli.LoginSSO{
			Contexts: stored, Log: log, Address: address, Name: l.name, Replace: l.replace,
			Fingerprint: l.fingerprint, CAFile: l.caFile, Ask: asker(s),
		}.Run(ctx)
	}
	l.token.Stdin, l.token.LookupEnv = s.in, os.LookupEnv
	token, err := l.token.Read()
	if err != nil {
		return err
	}
	stored, err := contexts()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	return cli.Login{Contexts: stored, Log: log, Address: address, Token: token, Name: l.name, Replace: l.replace}.Run(ctx)
}
