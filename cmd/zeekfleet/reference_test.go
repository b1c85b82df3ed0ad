package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// referenceDir is how "make docs" says where the pages go.
var referenceDir = flag.String("reference", "", "write the reference of commands and settings to `DIR`")

// TestReference writes the pages of the documentation that are made from this program, and
// checks that they have every command and every setting.
func TestReference(t *testing.T) {
	pages := map[string]string{"commands.md": commandsPage(t), "settings.md": settingsPage(t)}
	if n := strings.Count(pages["commands.md"], "\n## "); n < 60 {
		t.Errorf("there are %d commands only", n)
	}
	if n := strings.Count(pages["settings.md"], "\n| `"); n < 100 {
		t.Errorf("there are %d settings only", n)
	}
	for name, text := range pages {
		if *referenceDir == "" {
			continue
		}
		if err := os.MkdirAll(*referenceDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*referenceDir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commandsPage has the help of every command.
func commandsPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nThis is what each command's `--help` prints. A command exits with 0 if it has done its work, with 1 if it was refused or has failed, and with 2 if the command line is wrong.\n")
	for _, cmd := range documented(newRootCommand(streams{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}}, "")) {
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n```\n", cmd.CommandPath(), strings.TrimSpace(help.String()))
	}
	return b.String()
}

// settingsPage has the settings of the daemons.
func settingsPage(t *testing.T) string {
	src := settings.Sources{Defaults: app.Defaults()}
	var b strings.Builder
	b.WriteString("# Settings\n\nEach setting is a flag, an environment variable and a key of a YAML file, in which a dot is one level. The flag counts first, then the variable, then the file. `zeekfleet config controller` and `zeekfleet config agent` show the values that count on a host, and where they come from.\n")
	for _, daemon := range []struct {
		name string
		list []settings.Documented
	}{{"The controller", settings.DocumentedController(src)}, {"The agent", settings.DocumentedAgent(src)}} {
		fmt.Fprintf(&b, "\n## %s\n\n| key, flag, variable | |\n|---|---|\n", daemon.name)
		for _, s := range daemon.list {
			text := cell(s.Doc)
			if s.Default != "" {
				text += "<br>Default: <samp>" + cell(s.Default) + "</samp>"
			}
			if s.Doc == "" || s.Flag == "" {
				t.Errorf("setting %s is not documented", s.Key)
			}
			fmt.Fprintf(&b, "| `%s`<br>`--%s`<br>`%s` | %s |\n", s.Key, s.Flag, s.Env, text)
		}
	}
	return b.String()
}

// cell returns text as a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text)
}
