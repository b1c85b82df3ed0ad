package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/dropin"
)

// manDir is how "make man" says where the pages go. They are written by a test, so that they
// come from the commands of this package, and what writes them is not in the program.
var manDir = flag.String("man", "", "write the man pages to `DIR`")

// TestManPages writes the man pages, and checks that they have every command and flag and
// nothing that troff would take for a request of ours.
func TestManPages(t *testing.T) {
	root := newRootCommand(streams{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}}, "")
	pages := map[string]string{"zeek-client.1": zeekClientPage(t)}
	for _, cmd := range documented(root) {
		pages[manName(cmd)+".1"] = manPage(cmd)
	}
	if len(pages) < 60 {
		t.Errorf("there are %d pages only", len(pages))
	}
	for _, cmd := range documented(root) {
		page := pages[manName(cmd)+".1"]
		for _, sub := range availableCommands(cmd) {
			if !strings.Contains(page, "\n\\fB"+roff(sub.Name())+"\\fR") {
				t.Errorf("%s does not mention the command %s", manName(cmd), sub.Name())
			}
		}
		for _, f := range availableFlags(cmd.Flags()) {
			if !strings.Contains(page, manFlag(f.name)) {
				t.Errorf("%s does not mention the flag %s", manName(cmd), f.name)
			}
		}
	}
	for name, page := range pages {
		if wrong := strangeRoff(page); wrong != "" {
			t.Errorf("%s: %q is not what we mean", name, wrong)
		}
		if *manDir != "" {
			if err := os.MkdirAll(*manDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(*manDir, name), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// strangeRoff returns a line or an escape that no page should have, or "".
func strangeRoff(page string) string {
	known := regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|nf|fi|RS|RE|nh|ad)( .*)?$`)
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '\'' || line[0] == '.' && !known.MatchString(line) {
			return line
		}
	}
	return regexp.MustCompile(`\\([^-e&f(]|f[^BIR]|\([^aq])`).FindString(page)
}

// documented returns cmd and all commands below it.
func documented(cmd *cobra.Command) []*cobra.Command {
	cmd.InitDefaultHelpFlag()
	list := []*cobra.Command{cmd}
	for _, sub := range availableCommands(cmd) {
		list = append(list, documented(sub)...)
	}
	return list
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// roff returns text so that troff prints it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// manPage returns the page of a command, from what its help says.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	manHead(&b, manName(cmd), cmd.Short)
	b.WriteString(".SH SYNOPSIS\n")
	if commands := availableCommands(cmd); len(commands) == 0 || cmd.Annotations[runsItself] != "" {
		arguments := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
		fmt.Fprintf(&b, "\\fB%s\\fR%s\n", roff(cmd.CommandPath()), roff(arguments))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, ".PP\n\\fB%s\\fR \\fICOMMAND\\fR\n", roff(cmd.CommandPath()))
	}
	b.WriteString(".SH DESCRIPTION\n")
	manText(&b, cmdText(cmd))
	manCommands(&b, cmd)
	if flags := availableFlags(cmd.Flags()); len(flags) > 0 {
		b.WriteString(".SH OPTIONS\n")
		for _, f := range flags {
			fmt.Fprintf(&b, ".TP\n%s\n%s\n", manFlag(f.name), roff(f.text))
		}
	}
	b.WriteString(".SH EXIT STATUS\n0 if the command has done its work, 1 if it was refused or has failed, 2 if the command line\nis wrong.\n")
	b.WriteString(".SH SEE ALSO\n")
	also := []string{"zeekfleet"}
	if cmd.HasParent() && cmd.Parent().HasParent() {
		also = append(also, manName(cmd.Parent()))
	}
	if !cmd.HasParent() {
		also = []string{"zeek-client"}
	}
	for _, sub := range availableCommands(cmd) {
		also = append(also, manName(sub))
	}
	for i, name := range also {
		also[i] = "\\fB" + roff(name) + "\\fR(1)"
	}
	b.WriteString(strings.Join(also, ", ") + "\n")
	return b.String()
}

func cmdText(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

func manHead(b *strings.Builder, name, short string) {
	fmt.Fprintf(b, ".TH \"%s\" 1 \"\" \"zeekfleet\" \"zeekfleet\"\n.nh\n.ad l\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(name)), roff(name), roff(short))
}

// manCommands lists the subcommands, group by group.
func manCommands(b *strings.Builder, cmd *cobra.Command) {
	commands := availableCommands(cmd)
	if len(commands) == 0 {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, g := range append([]*cobra.Group{{}}, cmd.Groups()...) {
		title := g.Title
		for _, sub := range commands {
			if sub.GroupID != g.ID {
				continue
			}
			if title != "" {
				fmt.Fprintf(b, ".SS %s\n", roff(title))
				title = ""
			}
			fmt.Fprintf(b, ".TP\n\\fB%s\\fR\n%s\n", roff(sub.Name()), roff(sub.Short))
		}
	}
}

// manFlag returns the name of a flag with its argument. Names are bold.
func manFlag(name string) string {
	var words []string
	for word := range strings.FieldsSeq(name) {
		bare, comma := strings.CutSuffix(word, ",")
		if strings.HasPrefix(bare, "-") {
			bare = "\\fB" + roff(bare) + "\\fR"
		} else {
			bare = "\\fI" + roff(bare) + "\\fR"
		}
		if comma {
			bare += ","
		}
		words = append(words, bare)
	}
	return strings.Join(words, " ")
}

// manText writes paragraphs. Indented lines stay as they are.
func manText(b *strings.Builder, text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		verbatim := false
		for line := range strings.SplitSeq(strings.Trim(paragraph, "\n"), "\n") {
			if indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"); indented != verbatim {
				b.WriteString(map[bool]string{true: ".RS\n.nf\n", false: ".fi\n.RE\n"}[indented])
				verbatim = indented
			}
			if line = strings.TrimSpace(line); line != "" {
				b.WriteString(roff(line) + "\n")
			}
		}
		if verbatim {
			b.WriteString(".fi\n.RE\n")
		}
	}
}

// zeekClientPage returns the page of zeek-client, with its own help.
func zeekClientPage(t *testing.T) string {
	var help, errors bytes.Buffer
	if status := dropin.Run(t.Context(), []string{"--help"}, dropin.Host{Stdout: &help, Stderr: &errors}); status != 0 {
		t.Fatalf("zeek-client --help: status %d, %s", status, &errors)
	}
	var b strings.Builder
	manHead(&b, "zeek-client", "ask a controller of a Zeek cluster")
	b.WriteString(".SH SYNOPSIS\n\\fBzeek\\-client\\fR [options] \\fICOMMAND\\fR\n.SH DESCRIPTION\n")
	manText(&b, "zeekfleet stands in the place of Zeek's zeek-client when it is started under that name,\n"+
		"through a link. It has the same commands, options, settings, results and exit statuses.\n"+
		"It asks controllers of Zeek and of zeekfleet.")
	b.WriteString(".SH HELP\nThis is what zeek\\-client \\-\\-help prints:\n.PP\n.nf\n")
	for line := range strings.Lines(help.String()) {
		if line = strings.TrimRight(line, "\n"); line == "" {
			line = `\&`
		} else {
			line = roff(line)
		}
		b.WriteString(line + "\n")
	}
	b.WriteString(".fi\n.SH SEE ALSO\n\\fBzeekfleet\\fR(1)\n")
	return b.String()
}
