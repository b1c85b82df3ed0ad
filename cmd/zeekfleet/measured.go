package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// measuredCommand makes cmd a command that shows what agents measure, of nodes that
// selectors and flags choose. do returns the exit status.
func measuredCommand(s streams, cmd *cobra.Command, do func(ctx context.Context, m cli.Measured) int) *cobra.Command {
	cmd.Use += " [SELECTOR...]"
	cmd.Args = cobra.ArbitraryArgs
	instance := cmd.Flags().String("instance", "", "show the instance `NAME` alone")
	role := new(clusterRole)
	cmd.Flags().Var(role, "role", "show the nodes of one `ROLE` alone: "+strings.Join(clusterRoles, ", "))
	completeLive(cmd, "role", offer{fixed: clusterRoles})
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return do(ctx, cli.Measured{Fleet: f, Instance: *instance, Role: mgmt.ClusterRole(strings.ToUpper(string(*role))), Selectors: args})
	})
}

// clusterRoles are the roles that a user can name.
var clusterRoles = []string{"manager", "logger", "proxy", "worker"}

// clusterRole is the value of --role.
type clusterRole string

// String implements pflag.Value.
func (r *clusterRole) String() string { return string(*r) }

// Type implements pflag.Value.
func (r *clusterRole) Type() string { return "ROLE" }

// Set implements pflag.Value.
func (r *clusterRole) Set(text string) error {
	return oneOf((*string)(r), text, "a role", clusterRoles)
}

// oneOf sets a value that must be one of some words.
func oneOf(value *string, text, what string, words []string) error {
	if !slices.Contains(words, text) {
		return fmt.Errorf("not %s: %s", what, strings.Join(words, ", "))
	}
	*value = text
	return nil
}
