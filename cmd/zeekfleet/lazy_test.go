package main

import (
	"io"
	"strings"
	"testing"
)

// TestCommandsGoByTheirNames checks the names by which a command line finds its command,
// without the others.
func TestCommandsGoByTheirNames(t *testing.T) {
	s := streams{strings.NewReader(""), io.Discard, io.Discard}
	for _, group := range subcommands() {
		for _, c := range group.commands {
			if name := c.construct(s).Name(); name != c.name {
				t.Errorf("%q is the name of %q", c.name, name)
			}
			root := newRootCommand(s, firstCommand([]string{c.name, "--help"}))
			if all := root.Commands(); len(all) != 1 || all[0].Name() != c.name || all[0].GroupID != group.title {
				t.Errorf("%q alone has the commands %v", c.name, all)
			}
		}
	}
	for _, args := range [][]string{
		nil, {"--controller", "nodes"}, {"help", "nodes"}, {"__complete", "nodes", ""}, {"nods"}, {"-v", "nods"}, {"--", "nodes"},
		{"--help", "nodes"}, {"--version", "nodes"}, {"--no-such", "nodes"}, {"-cFILE", "nodes"}, {"--json", "nodes"}, {"--controller"},
	} {
		if name := firstCommand(args); name != "" {
			t.Errorf("the command of %q is %q", args, name)
		}
	}
}

// TestCommandsGoByTheirNamesAfterFlags checks that a command is found after the flags that
// may stand before it, and that cobra finds the same one.
func TestCommandsGoByTheirNamesAfterFlags(t *testing.T) {
	s := streams{strings.NewReader(""), io.Discard, io.Discard}
	for _, flags := range [][]string{
		{"--controller", "host:1"}, {"--controller=host:1"}, {"-v"}, {"-q"}, {"-c", "FILE"}, {"-c=FILE"}, {"-v", "--set", "a.b=c", "--timeout", "3"},
		{"--output", "json"}, {"--controller", "status"}, {"--quiet=false"},
	} {
		args := append(flags, "nodes", "-q")
		name := firstCommand(args)
		if name != "nodes" {
			t.Errorf("the command of %q is %q", args, name)
		}
		for _, only := range []string{name, ""} {
			if found, _, err := newRootCommand(s, only).Find(args); err != nil || found.Name() != "nodes" {
				t.Errorf("cobra finds %v in %q, error %v", found.Name(), args, err)
			}
		}
	}
}
