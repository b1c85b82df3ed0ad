package dropin

import (
	"fmt"
	"strings"
)

const (
	// usageColumns is the width of usage texts: argparse leaves two columns of a terminal
	// of 80 free.
	usageColumns = 78
	// maxHelpIndent is the rightmost column at which the text of an entry begins. If the
	// name of the entry reaches further, the text begins on the next line.
	maxHelpIndent = 24
)

// usage returns the lines that show how the command line is written, in argparse's form.
func (s *syntax) usage() string {
	optional, positionals := s.usageParts()
	const prefix = "usage: "
	if line := strings.Join(append(append([]string{prefix + s.name}, optional...), positionals...), " "); len(line) <= usageColumns {
		return line + "\n"
	}
	indent := strings.Repeat(" ", len(prefix)+len(s.name)+1)
	first := wrap(optional, usageColumns-len(indent))
	lines := []string{prefix + s.name + " " + first[0]}
	for _, line := range append(first[1:], wrap(positionals, usageColumns-len(indent))...) {
		lines = append(lines, indent+line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *syntax) usageParts() (optional, positionals []string) {
	form := func(o *option) string {
		if o.argument == "" {
			return o.names[0]
		}
		return o.names[0] + " " + o.argument
	}
	for i := 0; i < len(s.options); i++ {
		o := &s.options[i]
		text := form(o)
		if o.excludes != "" { // the other one follows
			i++
			text += " | " + form(&s.options[i])
		}
		optional = append(optional, "["+text+"]")
	}
	if s.name == Program {
		return optional, []string{commandSet(), "..."}
	}
	for _, p := range s.positionals {
		if p.many {
			positionals = append(positionals, "["+p.name+" ...]")
			continue
		}
		positionals = append(positionals, p.name)
	}
	return optional, positionals
}

// commandSet returns the names of all commands in braces.
func commandSet() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.word())
	}
	return "{" + strings.Join(names, ",") + "}"
}

// helpEntry is an option, an argument or a command, and its text.
type helpEntry struct{ name, text string }

// helpText returns what --help prints.
func (s *syntax) helpText() string {
	var options, positionals []helpEntry
	for _, o := range s.options {
		names := strings.Join(o.names, ", ")
		if o.argument != "" {
			names = strings.Join(o.names, " "+o.argument+", ") + " " + o.argument
		}
		options = append(options, helpEntry{names, o.help})
	}
	for _, p := range s.positionals {
		positionals = append(positionals, helpEntry{p.name, p.help})
	}
	var b strings.Builder
	b.WriteString(s.usage())
	if s.name != Program {
		writeEntries(&b, "positional arguments", positionals, options)
		writeEntries(&b, "options", options, positionals)
		return b.String()
	}
	list := []helpEntry{{commandSet(), "zeek-client <command> -h says more about a command"}}
	for _, c := range commands() {
		list = append(list, helpEntry{"  " + c.word(), c.help})
	}
	b.WriteString("\nManages a Zeek cluster through its controller\n")
	writeEntries(&b, "options", options, list)
	writeEntries(&b, "commands", list, options)
	b.WriteString("\nenvironment variables:\n\n" +
		"    ZEEK_CLIENT_CONFIG_FILE:      the same as --configfile, which wins\n" +
		"    ZEEK_CLIENT_CONFIG_SETTINGS:  the same as --set for each of its words; --set wins\n")
	return b.String()
}

// writeEntries writes entries under a title, in two columns. The other entries of the
// help have the same columns.
func writeEntries(b *strings.Builder, title string, entries, others []helpEntry) {
	if len(entries) == 0 {
		return
	}
	indent := 0
	for _, list := range [][]helpEntry{entries, others} {
		for _, e := range list {
			indent = max(indent, min(len(e.name)+4, maxHelpIndent))
		}
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, e := range entries {
		line := "  " + e.name
		if len(line)+2 > indent {
			b.WriteString(line + "\n")
			line = ""
		}
		for _, text := range wrap(strings.Fields(e.text), usageColumns-indent) {
			fmt.Fprintf(b, "%-*s%s\n", indent, line, text)
			line = ""
		}
	}
}

// wrap joins words with blanks, in lines of this width. A longer word has its own line.
func wrap(words []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line == "" {
		return nil
	}
	return append(lines, line)
}
