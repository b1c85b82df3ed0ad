package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The budgets of the program in bytes. Sensors get theirs, which has no etcd, over slow lines,
// and some have small disks. tools/packages has the same budgets.
const (
	maxSensorSize  = 25_000_000
	maxProgramSize = 44_000_000
)

// TestProgramIsSmallEnoughForSensors builds the program of package zeekfleet-agent as
// tools/packages does. If it is too large, look first for a package that came in with a new
// import: "go version -m" and "go tool nm -size" say what is large.
// docs/decisions/0059-size-of-the-program.md has what was found before.
func TestProgramIsSmallEnoughForSensors(t *testing.T) {
	if size := programSize(t, "-tags=noetcd"); size > maxSensorSize {
		t.Errorf("the program without etcd has %d bytes, more than %d", size, maxSensorSize)
	}
}

// TestProgramIsSmallEnough builds the program as the Makefile does.
func TestProgramIsSmallEnough(t *testing.T) {
	if size := programSize(t); size > maxProgramSize {
		t.Errorf("the program has %d bytes, more than %d", size, maxProgramSize)
	}
}

func programSize(t *testing.T, flags ...string) int64 {
	t.Helper()
	program := filepath.Join(t.TempDir(), "zeekfleet")
	argv := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", program}, flags...)
	build := exec.CommandContext(t.Context(), "go", append(argv, ".")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestSensorsHaveNoEtcd checks that nothing of etcd's servers and of gRPC is in the program
// of sensors.
func TestSensorsHaveNoEtcd(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags=noetcd", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "go.etcd.io/etcd/") || strings.HasPrefix(name, "google.golang.org/grpc") {
			t.Errorf("the program without etcd has %s", name)
		}
	}
}
