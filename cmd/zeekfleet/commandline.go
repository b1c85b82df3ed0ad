package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// wantArgs accepts from least to most arguments. If most is below zero, it accepts
// any number from least on.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func wantArgs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("an argument is missing: %s", cmd.UseLine())
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%q is one argument too many: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}

// exclusive returns an error if both flags are given.
func exclusive(cmd *cobra.Command, one, other string) error {
	if cmd.Flags().Changed(one) && cmd.Flags().Changed(other) {
		return fmt.Errorf("--%s and --%s exclude each other", one, other)
	}
	return nil
}

// flagProblem rewrites pflag's error about a flag. For an unknown flag it adds the
// nearest known one. For a bad value it replaces strconv's text by the kind of
// value that the flag takes.
func flagProblem(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := mgmt.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	if _, ok := errors.AsType[*strconv.NumError](bad.Unwrap()); !ok {
		return err
	}
	want := "a number"
	if bad.GetFlag().Value.Type() == "bool" {
		want = "true or false"
	}
	return badFlag(bad.GetFlag().Name, bad.GetValue(), "not "+want)
}

// warnOfVariables warns of environment variables that look like settings of this
// program but that it does not read.
func warnOfVariables(cmd *cobra.Command, _ []string) {
	if quiet, err := cmd.Flags().GetBool("quiet"); err == nil && quiet || cmd.Name() == "__complete" {
		return
	}
	for _, text := range settings.UnknownVariables(os.Environ()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "zeekfleet: warning: "+cli.Printable(text))
	}
}

// badFlag returns an error in pflag's words about a flag with a bad value.
func badFlag(name, value, problem string) error {
	return fmt.Errorf("invalid argument %q for \"--%s\" flag: %s", value, name, problem)
}

// misuseText returns the text of cobra's error on one line.
func misuseText(err error) string {
	text, alike, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if found {
		text += "; did you mean " + strings.Join(strings.Fields(alike), " or ") + "?"
	}
	return text
}

// newHelpCommand returns a help command like cobra's, except that it fails for an
// unknown command.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag() // cobra adds the flag only when it executes the command
			return about.Help()
		},
	}
}
