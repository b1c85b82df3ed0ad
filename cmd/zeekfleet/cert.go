package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func newCertCommand(s streams) *cobra.Command {
	list := adminCommand(s, &cobra.Command{
		Use:   "list",
		Short: "List the certificates that are valid or revoked",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.ListCertificates(ctx) })
	revoke := adminCommand(s, &cobra.Command{
		Use: "revoke IDENTITY|SERIAL",

		SuggestFor: []string{"delete", "remove"},

		Short: "Revoke a certificate, or all certificates of an identity",
		Long: "Revoke the certificate with a serial number, or all certificates of an identity\n" +
			"such as agent/sensor-1 or user/ann. The beginning of a serial number is enough.\n" +
			"Open connections with them end.",
		Args: wantArgs(1, 1),
	}, false, func(ctx context.Context, a cli.Admin, args []string) int { return a.RevokeCertificate(ctx, args[0]) })
	return groupCommand(s, &cobra.Command{
		Use:   "cert",
		Short: "List, revoke and sign certificates",
	}, list, revoke, newCertSignCommand(s), newCertZeekCommand(s), newCertUserCommand(s))
}

func newCertSignCommand(s streams) *cobra.Command {
	var sign cli.SignFile
	var who string
	var life ttl
	cmd := adminCommand(s, &cobra.Command{
		Use:   "sign FILE --identity IDENTITY",
		Short: "Sign a signing request, for a host that cannot reach the controller",

		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault // any file
		},
		Long: "Sign the signing request in FILE, and write the certificate and the authorities.\n" +
			"If \"zeekfleet agent csr\" wrote FILE on a sensor, the answer is one file. Give\n" +
			"that file to \"zeekfleet agent install\" on the sensor. If FILE is any other\n" +
			"signing request in PEM form, the answer is two PEM files. - is standard input.",
	}, false, func(ctx context.Context, a cli.Admin, args []string) int {
		sign.Path, sign.Life = args[0], time.Duration(life)
		return a.Sign(ctx, sign)
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := wantArgs(1, 1)(cmd, args); err != nil {
			return err
		}
		if who == "" {
			return errors.New("say for whom the certificate is, as in --identity agent/sensor-1")
		}
		var err error
		sign.Identity, err = identity.Parse(who)
		return err
	}
	fs := cmd.Flags()
	fs.StringVar(&who, "identity", "", "`IDENTITY` in the certificate, such as agent/sensor-1")
	fs.StringArrayVar(&sign.Hosts, "host", nil, "`NAME` or address in the certificate; repeatable")
	fs.Var(&life, "life", "how long the certificate is valid, such as 90d (default: the controller says)")
	fs.StringVar(&sign.Out, "out", "", "`FILE` for the certificate (default: beside the request)")
	fs.BoolVar(&sign.Replace, "replace", false, "revoke the certificates that the identity has")
	return cmd
}

func newCertZeekCommand(s streams) *cobra.Command {
	var role string
	cmd := newFilesCommand(s, &cobra.Command{
		Use:   "zeek NAME",
		Short: "Make a certificate for a Zeek that is an agent or a controller",
		Long: "Make a key and a certificate for an agent or a controller of Zeek's own\n" +
			"Management framework. Write the files that Zeek wants, and print the lines for\n" +
			"the script with which it starts. The nodes of an agent get a certificate of\n" +
			"their own.",
	}, func(name string) (identity.Identity, error) {
		id := identity.Identity{Kind: identity.Kind(role), Name: name}
		if id.Kind != identity.Agent && id.Kind != identity.Controller {
			return id, badFlag("role", role, "it is agent or controller")
		}
		return id, id.Check()
	}, cli.Admin.ForZeek)
	cmd.Flags().StringVar(&role, "role", "agent", "`ROLE` of that Zeek: agent or controller")
	completeFlag(cmd, "role", func() []cobra.Completion { return []cobra.Completion{"agent", "controller"} })
	return cmd
}

func newCertUserCommand(s streams) *cobra.Command {
	return newFilesCommand(s, &cobra.Command{
		Use:   "user NAME",
		Short: "Make a certificate with which a user runs zeek-client",
		Long: "Make a key and a certificate for a user who runs zeek-client. Write the three\n" +
			"files that zeek-client wants, and print the section for zeek-client.cfg.",
	}, func(name string) (identity.Identity, error) {
		id := identity.Identity{Kind: identity.User, Name: name}
		return id, id.Check()
	}, cli.Admin.ForZeekClient)
}

// newFilesCommand returns a command that makes a key with a certificate. who returns the
// identity for the argument.
func newFilesCommand(s streams, cmd *cobra.Command, who func(string) (identity.Identity, error), do func(cli.Admin, context.Context, cli.NewFiles) int) *cobra.Command {
	n := cli.NewFiles{Life: cli.ByHand}
	life := ttl(cli.ByHand)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := wantArgs(1, 1)(cmd, args); err != nil {
			return err
		}
		var err error
		n.Identity, err = who(args[0])
		return err
	}
	adminCommand(s, cmd, false, func(ctx context.Context, a cli.Admin, _ []string) int {
		n.Life = time.Duration(life)
		return do(a, ctx, n)
	})
	fs := cmd.Flags()
	fs.StringVar(&n.Dir, "dir", ".", "`DIR` for the files")
	fs.StringArrayVar(&n.Hosts, "host", nil, "`NAME` or address in the certificate; repeatable")
	fs.Var(&life, "life", "how long the certificate is valid; nothing renews it (default 365d)")
	fs.BoolVar(&n.Replace, "replace", false, "revoke the certificates that the identity has, and overwrite files")
	return cmd
}
