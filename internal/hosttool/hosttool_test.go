package hosttool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/hosttool"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// program writes a program that every user can run.
func program(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hosttool")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "tool")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func runner(t *testing.T, cfg hosttool.Config, commands ...string) *hosttool.Runner {
	t.Helper()
	var err error
	if cfg.Commands, err = mgmt.ParseHostCommands(strings.Join(commands, ";")); err != nil {
		t.Fatal(err)
	}
	r, err := hosttool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommandRunsAsAnUnprivilegedUserWithoutTheAgentsEnvironment(t *testing.T) {
	t.Setenv("SECRET", "s3cret")
	tool := program(t, "echo \"$1\"; id -u; pwd; env; echo oops >&2; exit 3\n")
	r := runner(t, hosttool.Config{}, tool+" {name}")
	got, err := r.Exec(t.Context(), mgmt.ExecQuery{Argv: []string{tool, "eth0"}})
	if err != nil || got.Exit != 3 || got.Failure != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	lines := strings.Split(got.Output, "\n")
	if lines[0] != "eth0" || lines[1] == "0" || lines[2] != "/" || !strings.Contains(got.Output, "oops") || strings.Contains(got.Output, "s3cret") {
		t.Errorf("output %q", got.Output)
	}
}

func TestWhatIsNotAllowedIsRefused(t *testing.T) {
	tool := program(t, "touch \"$0.ran\"\n")
	for name, tt := range map[string]struct {
		commands []string
		argv     []string
		code     mgmt.StreamCode
		want     string
	}{
		"nothing is allowed":    {nil, []string{tool}, mgmt.StreamForbidden, "this host runs no commands for others"},
		"another argument":      {[]string{tool + " {name}"}, []string{tool, "-x"}, mgmt.StreamForbidden, "this host does not allow that command"},
		"one argument too many": {[]string{tool}, []string{tool, "x"}, mgmt.StreamForbidden, "does not allow"},
		"no path":               {[]string{tool}, []string{"tool"}, mgmt.StreamInvalid, "absolute path"},
		"no command":            {[]string{tool}, nil, mgmt.StreamInvalid, "absolute path"},
		"too long":              {[]string{tool}, []string{tool, strings.Repeat("x", 5000)}, mgmt.StreamInvalid, "more than 32 words or 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runner(t, hosttool.Config{}, tt.commands...).Exec(t.Context(), mgmt.ExecQuery{Argv: tt.argv})
			known, ok := errors.AsType[*mgmt.StreamError](err)
			if !ok || known.Code != tt.code || !strings.Contains(known.Text, tt.want) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(tool + ".ran"); err == nil {
				t.Error("it was run")
			}
		})
	}
}

func TestCommandIsBounded(t *testing.T) {
	loud := program(t, "head -c 300000 /dev/zero | tr '\\0' x\n")
	got, err := runner(t, hosttool.Config{}, loud).Exec(t.Context(), mgmt.ExecQuery{Argv: []string{loud}})
	if err != nil || got.Exit != 0 || !got.Cut || len(got.Output) != mgmt.MaxHostOutput {
		t.Errorf("%d bytes, cut %v, exit %d, %v", len(got.Output), got.Cut, got.Exit, err)
	}
	slow := program(t, "echo begun; sleep 1000 & sleep 1000\n")
	got, err = runner(t, hosttool.Config{Timeout: 300 * time.Millisecond}, slow).Exec(t.Context(), mgmt.ExecQuery{Argv: []string{slow}})
	if err != nil || got.Exit != -1 || got.Failure != "it took longer than 300ms" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUnknownUserIsAnError(t *testing.T) {
	_, err := hosttool.New(hosttool.Config{Commands: []mgmt.HostCommand{{"/bin/true"}}, User: "no-such-user"})
	if err == nil || !strings.Contains(err.Error(), "agent.exec_user") {
		t.Errorf("got %v", err)
	}
}
