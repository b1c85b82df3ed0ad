package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newUserCommand(s streams) *cobra.Command {
	list := adminCommand(s, &cobra.Command{
		Use:   "list",
		Short: "List the users with their roles",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.ListUsers(ctx) })
	role := adminCommand(s, &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Change the role of a user: viewer, operator or admin",

		ValidArgsFunction: completeAt(1, roleNames),
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantArgs(2, 2)(cmd, args); err != nil {
				return err
			}
			_, err := access.ParseRole(args[1])
			return err
		},
	}, false, func(ctx context.Context, a cli.Admin, args []string) int { return a.SetRole(ctx, args[0], args[1]) })
	remove := adminCommand(s, &cobra.Command{
		Use: "remove NAME",

		SuggestFor: []string{"delete", "revoke"},

		Short: "Remove a user, and revoke what the user has",
		Args:  wantArgs(1, 1),
	}, false, func(ctx context.Context, a cli.Admin, args []string) int { return a.RemoveUser(ctx, args[0]) })
	return groupCommand(s, &cobra.Command{
		Use:   "user",
		Short: "Add, list and remove users, and change their roles",
		Long: "Users have one of three roles. A viewer may see what runs. An operator may also\n" +
			"change what runs. An admin may also see and say who may do what.",
	}, newUserAddCommand(s), list, role, remove)
}

func newUserAddCommand(s streams) *cobra.Command {
	var n cli.NewUser
	var life ttl
	cmd := adminCommand(s, &cobra.Command{
		Use:   "add NAME --role ROLE",
		Short: "Add a user, or give a known user another login",
		Long: "Add a user, and print the line with which the user logs in. The line works once.\n" +
			"A user who is known gets another login.",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantArgs(1, 1)(cmd, args); err != nil {
				return err
			}
			if n.Role == "" {
				return errors.New("a user needs a role: --role viewer, operator or admin")
			}
			_, err := access.ParseRole(n.Role)
			return err
		},
	}, true, func(ctx context.Context, a cli.Admin, args []string) int {
		n.Name, n.TTL = args[0], time.Duration(life)
		return a.AddUser(ctx, n)
	})
	fs := cmd.Flags()
	fs.StringVar(&n.Role, "role", "", "`ROLE` of the user: viewer, operator or admin")
	completeFlag(cmd, "role", roleNames)
	fs.Var(&life, "ttl", "how long the login works, such as 12h or 7d (default 1h)")
	fs.StringVar(&n.Address, "address", "", "`HOST[:PORT]` at which the user reaches the controller (default: the controller says)")
	return cmd
}

func newWhoAmICommand(s streams) *cobra.Command {
	return adminCommand(s, &cobra.Command{
		Use:   "whoami",
		Short: "Show as whom the controller knows you, and with which role",
		Args:  wantArgs(0, 0),
	}, true, func(ctx context.Context, a cli.Admin, _ []string) int { return a.WhoAmI(ctx) })
}
