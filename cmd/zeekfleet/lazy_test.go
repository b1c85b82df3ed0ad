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
	for _, args := range [][]string{nil, {"--controller", "nodes"}, {"-v", "nodes"}, {"help", "nodes"}, {"__complete", "nodes", ""}, {"nods"}} {
		if name := firstCommand(args); name != "" {
			t.Errorf("the command of %q is %q", args, name)
		}
	}
}
