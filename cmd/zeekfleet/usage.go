package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	// helpColumns is the width of help texts.
	helpColumns = 80
	// helpIndent is the rightmost column at which the text of an entry begins. If
	// the name of the entry reaches further, the text begins on the next line.
	helpIndent = 32
)

// runsItself is the annotation of a command that has subcommands and also works without
// one.
const runsItself = "runs-itself"

// usage writes the part of cmd's help that lists subcommands and flags.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	if commands := availableCommands(cmd); len(commands) > 0 {
		b.WriteString("Usage:\n")
		if cmd.Annotations[runsItself] != "" {
			fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
		}
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
		writeCommands(&b, cmd, commands)
	} else {
		fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	}
	if flags := availableFlags(cmd.LocalFlags()); len(flags) > 0 {
		b.WriteString("\nFlags:\n")
		writeEntries(&b, flags)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s COMMAND --help says more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}

// helpEntry is a command or a flag, and its text.
type helpEntry struct{ name, text string }

func availableCommands(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			list = append(list, c)
		}
	}
	return list
}

// writeCommands writes the subcommands of cmd, group by group. The names of all groups
// have the same width.
func writeCommands(b *strings.Builder, cmd *cobra.Command, commands []*cobra.Command) {
	entries := map[string][]helpEntry{}
	indent := 0
	for _, c := range commands {
		entry := helpEntry{c.Name(), c.Short}
		entries[c.GroupID] = append(entries[c.GroupID], entry)
		indent = max(indent, indentOf(entry))
	}
	groups := append([]*cobra.Group{{Title: "Commands"}}, cmd.Groups()...)
	for _, g := range groups {
		if list := entries[g.ID]; len(list) > 0 {
			fmt.Fprintf(b, "\n%s:\n", g.Title)
			writeEntriesAt(b, indent, list)
		}
	}
}

func availableFlags(fs *pflag.FlagSet) []helpEntry {
	var list []helpEntry
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		argument, text := pflag.UnquoteUsage(f)
		if f.NoOptDefVal == "" {
			name += " " + argument
		}
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			text += " (default " + f.DefValue + ")"
		}
		list = append(list, helpEntry{name, text})
	})
	return list
}

// writeEntries writes names and texts in two columns.
func writeEntries(b *strings.Builder, entries []helpEntry) {
	indent := 0
	for _, e := range entries {
		indent = max(indent, indentOf(e))
	}
	writeEntriesAt(b, indent, entries)
}

// indentOf returns the column at which the text of an entry begins that stands alone.
func indentOf(e helpEntry) int { return min(len("  "+e.name+"  "), helpIndent) }

// writeEntriesAt is writeEntries for texts that begin at the column indent.
func writeEntriesAt(b *strings.Builder, indent int, entries []helpEntry) {
	for _, e := range entries {
		line := "  " + e.name
		if len(line)+2 > indent {
			b.WriteString(line + "\n")
			line = ""
		}
		line += strings.Repeat(" ", indent-len(line)-1)
		for word := range strings.FieldsSeq(e.text) {
			if len(line)+1+len(word) > helpColumns {
				b.WriteString(line + "\n")
				line = strings.Repeat(" ", indent-1)
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	}
}
