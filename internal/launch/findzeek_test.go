package launch_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// script writes a program of a few lines of shell.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindZeek(t *testing.T) {
	dir := t.TempDir()
	path, err := fakezeek.Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		given   string
		environ []string
		want    string
	}{
		"the one that is named":     {path, nil, "8.2.2"},
		"a bare name in PATH":       {"zeek", []string{"PATH=/nonexistent:" + dir}, "8.2.2"},
		"the first one in PATH":     {"", []string{"PATH=/nonexistent:" + dir}, "8.2.2"},
		"past what is no directory": {"", []string{"PATH=" + path + ":" + dir}, "8.2.2"},
		"of the version it says":    {path, []string{"FAKEZEEK_VERSION=7.0.1"}, "7.0.1"},
		"not as a node of an agent": {path, []string{"ZEEKPATH=/elsewhere", "CLUSTER_NODE=x"}, "8.2.2"},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := launch.FindZeek(t.Context(), tt.given, tt.environ, nil)
			if err != nil {
				t.Fatal(err)
			}
			if in.Path != path || in.Version.String() != tt.want || in.ScriptDir != "/usr/local/zeek/share/zeek" {
				t.Errorf("found %+v", in)
			}
		})
	}
}

func TestFindZeekAsksForBackends(t *testing.T) {
	path, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		environ []string
		want    []zeek.Backend
		frees   bool
	}{
		"7.0":                          {[]string{"FAKEZEEK_VERSION=7.0.1"}, []zeek.Backend{zeek.Broker}, false},
		"8.2":                          {nil, []zeek.Backend{zeek.Broker, zeek.ZeroMQ}, true},
		"9.0 without Broker":           {[]string{"FAKEZEEK_VERSION=9.0.0", "FAKEZEEK_BACKENDS=zeromq"}, []zeek.Backend{zeek.ZeroMQ}, true},
		"one that keeps its constants": {[]string{"FAKEZEEK_KEEPS_CONSTANTS=1"}, []zeek.Backend{zeek.Broker, zeek.ZeroMQ}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := launch.FindZeek(t.Context(), path, tt.environ, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(in.Backends, tt.want) || in.FreesLogPort != tt.frees {
				t.Errorf("found %v, %v", in.Backends, in.FreesLogPort)
			}
		})
	}
}

func TestFindZeekSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	mute := script(t, dir, "mute", "exit 0\n")
	const missing = "error while loading shared libraries: libpcap.so.1: cannot open shared object file: No such file or directory"
	unloadable := script(t, dir, "unloadable", "echo '"+dir+"/unloadable: "+missing+"' >&2\nexit 127\n")
	illegal := script(t, dir, "illegal", "kill -ILL $$\n")
	old := script(t, dir, "old", fmt.Sprintf("FAKEZEEK_VERSION=4.2.0 exec %s --help\n", launchtest.InstallZeek(t)))
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		given, want string
		none        bool
	}{
		"no such file":           {"/nonexistent/zeek", "no Zeek was found: /nonexistent/zeek (--zeek) is no executable file", true},
		"a file that is no code": {plain, "no Zeek was found: " + plain + " (--zeek) is no executable file", true},
		"a directory":            {dir, "no Zeek was found: " + dir + " (--zeek) is no executable file", true},
		"no name in PATH":        {"zeek-9", "no Zeek was found: zeek-9 (--zeek) is no executable file", true},
		"another program":        {mute, mute + ` --help: found no line "zeek version …" (is it Zeek?); it printed nothing`, false},
		"one that cannot load": {
			unloadable,
			unloadable + ` --help: found no line "zeek version …" (is it Zeek?); it printed: ` + unloadable + ": " + missing + " (exit status 127)",
			false,
		},
		"one for other processors": {illegal, illegal + ` --help: found no line "zeek version …" (is it Zeek?); it printed nothing (signal: illegal instruction`, false},
		"too old a Zeek":           {old, "zeek 4.2.0 is too old", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := launch.FindZeek(t.Context(), tt.given, []string{"PATH=" + dir}, nil)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || errors.Is(err, launch.ErrNoZeek) != tt.none {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
