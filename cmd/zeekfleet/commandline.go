package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wantArgs takes from least to most arguments; most below zero is any number.
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

// exclusive refuses to have both flags given.
func exclusive(cmd *cobra.Command, one, other string) error {
	if cmd.Flags().Changed(one) && cmd.Flags().Changed(other) {
		return fmt.Errorf("--%s and --%s exclude each other", one, other)
	}
	return nil
}

// flagProblem has no words of strconv's in what pflag says of a bad value.
func flagProblem(_ *cobra.Command, err error) error {
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

// badFlag says it as pflag does.
func badFlag(name, value, problem string) error {
	return fmt.Errorf("invalid argument %q for \"--%s\" flag: %s", value, name, problem)
}

// misuseText puts what cobra says on one line.
func misuseText(err error) string {
	text, alike, found := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if found {
		text += "; did you mean " + strings.Join(strings.Fields(alike), " or ") + "?"
	}
	return text
}

// newHelpCommand is cobra's, except that it fails for what there is not.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			about.InitDefaultHelpFlag() // otherwise it comes with execution
			return about.Help()
		},
	}
}
