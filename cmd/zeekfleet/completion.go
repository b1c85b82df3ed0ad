package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// completeArguments makes a shell offer cluster files for a command that takes
// one, and no files for any other command. The same holds for its subcommands. A command
// that completes its arguments itself goes on doing so.
func completeArguments(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeArguments(sub)
	}
	offered := argumentWords()[strings.TrimPrefix(cmd.CommandPath(), "zeekfleet ")]
	switch {
	case cmd.ValidArgsFunction != nil:
	case offered.words != nil || offered.fixed != nil:
		cmd.ValidArgsFunction = offered.complete
	case strings.Contains(cmd.Use, " FILE") || strings.Contains(cmd.Use, " [FILE]") || strings.Contains(cmd.Use, "CLUSTER.INI"):
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []cobra.Completion{"ini", "cfg"}, cobra.ShellCompDirectiveFilterFileExt
		}
	default:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, known := cmd.GetFlagCompletionFunc(f.Name)
		if offered, ok := flagWords()[f.Name]; ok && !known && isClient(cmd) {
			completeLive(cmd, f.Name, offered)
			return
		}
		if name, _ := pflag.UnquoteUsage(f); known || name == "FILE" || name == "DIR" || name == "file" || name == "dir" || name == "files" {
			return
		}
		completeFlag(cmd, f.Name, func() []cobra.Completion { return nil })
	})
}

// completeAt returns a function that completes the argument at position i.
func completeAt(i int, words func() []cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != i {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words(), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag makes a shell offer words for the value of a flag.
func completeFlag(cmd *cobra.Command, flag string, words func() []cobra.Completion) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic("zeekfleet: " + err.Error()) // there is no such flag
	}
}

func roleNames() []cobra.Completion { return []cobra.Completion{"viewer", "operator", "admin"} }

// contextNames returns the names of the contexts of the user who runs this program.
func contextNames() []cobra.Completion {
	known, err := contexts()
	if err != nil {
		return nil
	}
	list, _, err := known.List()
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// completeSettings makes a shell offer the settings of zeek-client for --set, up to the
// equals sign.
func completeSettings(cmd *cobra.Command) {
	err := cmd.RegisterFlagCompletionFunc("set", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		for _, name := range cli.SettingNames() {
			names = append(names, name+"=")
		}
		return names, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic("zeekfleet: " + err.Error()) // there is no such flag
	}
}
