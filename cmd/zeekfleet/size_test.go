package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxProgramSize is the budget of the program in bytes. Sensors get it over slow lines, and
// some have small disks.
const maxProgramSize = 25_000_000

// TestProgramIsSmallEnoughForSensors builds the program as the Makefile does. If it is too
// large, look first for a package that came in with a new import: "go version -m" and
// "go tool nm -size" say what is large. docs/decisions/0059-size-of-the-program.md has
// what was found before.
func TestProgramIsSmallEnoughForSensors(t *testing.T) {
	program := filepath.Join(t.TempDir(), "zeekfleet")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxProgramSize {
		t.Errorf("the program has %d bytes, more than %d", info.Size(), maxProgramSize)
	}
}
