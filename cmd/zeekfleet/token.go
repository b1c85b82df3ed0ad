package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newTokenCommand(s streams) *cobra.Command {
	var own bool
	list := adminCommand(s, &cobra.Command{
		Use:   "list",
		Short: "List the tokens that still work, without their secrets",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.ListTokens(ctx, own) })
	revoke := adminCommand(s, &cobra.Command{
		Use: "revoke ID",

		SuggestFor: []string{"delete", "remove"},

		Short: "Revoke a token",
		Args:  wantArgs(1, 1),
	}, false, func(ctx context.Context, a cli.Admin, args []string) int { return a.RevokeToken(ctx, args[0], own) })
	for _, cmd := range []*cobra.Command{list, revoke} {
		cmd.Flags().BoolVar(&own, "own", false, "mean the API tokens of the user who asks, which takes no role of an admin")
	}
	return groupCommand(s, &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke the tokens that agents and programs show",
	}, newTokenCreateCommand(s), list, revoke)
}

func newTokenCreateCommand(s streams) *cobra.Command {
	var n cli.NewToken
	var life ttl
	cmd := adminCommand(s, &cobra.Command{
		Use:   "create [INSTANCE]",
		Short: "Make a token: for an agent or a controller to join, or for a program to ask",
		Long: "With INSTANCE make a joining token, and print the line to paste on that host.\n" +
			"The token names the authority of the cluster. So the agent joins no other\n" +
			"cluster. With --for-controller make a joining token of another controller of\n" +
			"this cluster, and print the line to paste on its host. With --user make an API\n" +
			"token, and print it. A program that shows the API token acts as that user. With\n" +
			"--own make an API token of the user who asks, which every user may. A command\n" +
			"that itself shows an API token makes none.",
	}, true, func(ctx context.Context, a cli.Admin, args []string) int {
		n.TTL = time.Duration(life)
		if len(args) > 0 {
			n.Instance = args[0]
		}
		return a.CreateToken(ctx, n)
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case n.Controller != "" && (n.Own || n.User != "" || n.Name != "" || len(args) > 0 || n.Uses != 0):
			return errors.New("a token for a controller works once: give --for-controller alone, and --address and --ttl")
		case n.Controller != "":
			return nil
		case n.Own && (n.User != "" || len(args) > 0 || n.Uses != 0 || n.Address != ""):
			return errors.New("--own is for an API token of the user who asks: give --name alone, and --ttl")
		case n.Own && n.Name == "":
			return errors.New("an API token needs a name by which people know it: --name")
		case n.Own:
			return nil
		case n.User == "" && n.Name != "":
			return errors.New("--name is the name of an API token: name its user with --user")
		case cmd.Flags().Changed("uses") && n.Uses < 1:
			return fmt.Errorf("--uses %d: a token is for one agent or more", n.Uses)
		case n.User == "" && len(args) == 0:
			return errors.New("name the instance that joins, as in token create sensor-1, or the user of an API token with --user")
		case n.User == "":
			return wantArgs(1, 1)(cmd, args)
		case len(args) > 0:
			return errors.New("a token is for an instance, or for a user: leave out the instance or --user")
		case n.Name == "":
			return errors.New("an API token needs a name by which people know it: --name")
		case n.Uses != 0 || n.Address != "":
			return errors.New("--uses and --address are for joining tokens: leave them out with --user")
		}
		return nil
	}
	fs := cmd.Flags()
	fs.Var(&life, "ttl", "how long the token works, such as 12h or 30d (default: 1h for joining, for ever for the API)")
	fs.IntVar(&n.Uses, "uses", 0, "`NUMBER` of agents that may join with the token (default 1)")
	fs.StringVar(&n.Controller, "for-controller", "", "`NAME` of another controller that joins the cluster")
	fs.StringVar(&n.Address, "address", "", "`HOST[:PORT]` at which the one that joins reaches the controller (default: the controller says)")
	fs.StringVar(&n.User, "user", "", "`NAME` of the user as whom a program with the API token acts")
	fs.BoolVar(&n.Own, "own", false, "make an API token of the user who asks")
	fs.StringVar(&n.Name, "name", "", "`NAME` of the API token, such as ci")
	return cmd
}
