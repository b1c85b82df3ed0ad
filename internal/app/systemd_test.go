package app_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
)

func TestServiceOf(t *testing.T) {
	for cgroup, want := range map[string]string{
		"0::/system.slice/zeekfleet-agent.service\n":                                                          "zeekfleet-agent.service",
		"0::/sensors.slice/agent.service\n":                                                                   "agent.service",
		"12:pids:/system.slice/other.service\n1:name=systemd:/system.slice/agent.service\n0::/\n":             "agent.service",
		"0::/user.slice/user-1000.slice/session-3.scope\n":                                                    "",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/org.gnome.Terminal.slice/vte-1.service\n": "",
		"0::/\n": "",
		"":       "",
	} {
		if got := app.ServiceOf(cgroup); got != want {
			t.Errorf("%q: %q, want %q", cgroup, got, want)
		}
	}
}

func TestUnitThatWouldKillTheNodesIsWarnedOf(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   string // in the log
	}{
		"the default":            {`echo MainPID=4711; echo KillMode=control-group`, "set KillMode=process"},
		"mixed":                  {`echo MainPID=4711; echo KillMode=mixed`, "set KillMode=process"},
		"process":                {`echo MainPID=4711; echo KillMode=process`, ""},
		"none":                   {`echo MainPID=4711; echo KillMode=none`, ""},
		"another's unit":         {`echo MainPID=1; echo KillMode=control-group`, ""},
		"no answer from systemd": {`echo KillMode=control-group; echo "Failed to connect to bus" >&2; exit 1`, ""},
		"it is asked for our unit": {
			`[ "$1 $3" = "show agent.service" ] && echo MainPID=4711 && echo KillMode=mixed`, "unit=agent.service",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
			var log bytes.Buffer
			app.WarnIfItKills(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "agent.service", 4711)
			if got := log.String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("logged %q, want %q", got, tt.want)
			}
		})
	}
}
