package preflight

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	runs, data := filepath.Join(dir, "runs"), filepath.Join(dir, "data")
	for path, mode := range map[string]os.FileMode{runs: 0o755, data: 0o644} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for program, want := range map[string]string{
		"": "", runs: "", data: "may not be run by the agent's user (chmod +x)", dir: "is not a file",
		filepath.Join(dir, "none"): "does not exist on this host",
	} {
		if want != "" {
			want = "the program of its command, " + program + ", " + want
		}
		got := ""
		for _, f := range checkPrograms([]Check{{Node: "feeder", Program: program}}) {
			got = f.Problem
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", program, got, want)
		}
	}
}
