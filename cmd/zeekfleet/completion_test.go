package main

import (
	"bytes"
	"flag"
	"os/exec"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/golden"
)

var update = flag.Bool("update", false, "rewrite the files in testdata that hold output")

// TestCompletionScripts compares the scripts for shells with files, because not every
// machine has these shells. completion_live.txtar runs bash, and completion_shells.txtar the others.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var out, errors bytes.Buffer
		if status := run(t.Context(), []string{"completion", shell}, strings.NewReader(""), &out, &errors); status != 0 || errors.Len() > 0 {
			t.Fatalf("%s: status %d, %s", shell, status, &errors)
		}
		golden.Check(t, "testdata/completion."+shell, out.String(), *update)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-n", "testdata/completion.bash").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("bash -n: %v\n%s", err, out)
	}
}
