package dropin

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readBy are the values that zeek-client reads from a command line.
type readBy struct {
	Command, Configfile, Controller string
	Set                             []string
	Quiet, Version                  bool
	Verbose                         int

	ID, Config string // the first word of a command
	Nodes      []string

	Filename  string
	AsJSON    bool `json:"as_json"`
	Deployed  bool
	WithState bool `json:"with_state"`
}

// read returns what a says in zeek-client's form.
func (a *arguments) read() readBy {
	r := readBy{
		Configfile: a.configFile, Controller: a.controller, Set: a.set, Quiet: a.quiet, Version: a.version, Verbose: a.verbose,
	}
	if a.command == nil {
		return r
	}
	r.Command = a.command.word()
	r.AsJSON, r.Deployed, r.WithState = a.has("--as-json"), a.has("--deployed"), a.has("--with-state")
	words := a.words
	switch r.Command {
	case "get-id-value":
		r.ID, words = words[0], words[1:]
	case "stage-config", "deploy-config":
		r.Config, words = words[0], words[1:]
	case "get-config":
		r.Filename = a.value("--filename")
		if !a.has("--filename") {
			r.Filename = "-"
		}
	}
	if len(words) > 0 {
		r.Nodes = words
	}
	return r
}

// TestArgumentsAsZeekClient compares the reading of each command line with zeek-client's.
// scripts/argument-cases has written the file.
func TestArgumentsAsZeekClient(t *testing.T) {
	text, err := os.ReadFile("testdata/arguments.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Args        []string
		Error, Help string // the last line of an error, the first one of help
		Read        readBy
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 1000 {
		t.Fatalf("got %d cases", len(cases))
	}
	for _, c := range cases {
		a, err := parse(c.Args)
		switch {
		case err != nil:
			bad := err.(*misuse)
			if got := bad.of.name + ": error: " + bad.text; got != c.Error {
				t.Errorf("%q: got %q, zeek-client has %q", c.Args, got, c.Error)
			}
		case a.help:
			if got, _, _ := strings.Cut(a.of.helpText(), "\n"); got != c.Help {
				t.Errorf("%q: got help %q, zeek-client has %q%s", c.Args, got, c.Help, c.Error)
			}
		case c.Error+c.Help != "":
			t.Errorf("%q is accepted, zeek-client says %q%q", c.Args, c.Error, c.Help)
		default:
			if diff := cmp.Diff(c.Read, a.read()); diff != "" {
				t.Errorf("%q (-zeek-client +ours):\n%s", c.Args, diff)
			}
		}
	}
}

// FuzzArguments reads command lines, whose words are lines of the input.
func FuzzArguments(f *testing.F) {
	for _, text := range []string{"get-nodes", "-vvq\nx", "--set\na.b=c\nget-id-value\nx\n--\n-y", "get-config\n-f\n-\n--as", "-c=\n-\xff", "-q\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parse(strings.Split(text, "\n"))
		switch {
		case err != nil:
			if bad := err.(*misuse); bad.of.usage() == "" || bad.text == "" {
				t.Errorf("%q: no usage or no text", text)
			}
		case a.help:
			if a.of.helpText() == "" {
				t.Errorf("%q: no help", text)
			}
		case a.command != nil && len(a.words) < a.command.least():
			t.Errorf("%q: %q are too few words", text, a.words)
		}
	})
}
