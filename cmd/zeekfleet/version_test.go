package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionShowsTheCommitOfABuildByGoBuild(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	build := func(found, changed string) *debug.BuildInfo {
		return &debug.BuildInfo{
			GoVersion: "go1.26.0", Main: debug.Module{Version: found},
			Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: commit}, {Key: "vcs.time", Value: "2026-11-29T18:00:00Z"}, {Key: "vcs.modified", Value: changed},
			},
		}
	}
	ending := " of 2026-11-29T18:00:00Z\ngo1.26.0 " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	for name, tt := range map[string]struct {
		linked          string
		info            *debug.BuildInfo
		version, inFull string
	}{
		"the linker's version":         {"v1.2", build("v1.3", "false"), "v1.2", "zeekfleet v1.2\ncommit " + commit + ending},
		"the go command's version":     {"", build("v1.3", "false"), "v1.3", "zeekfleet v1.3\ncommit " + commit + ending},
		"the commit":                   {"", build("(devel)", "false"), "devel-0123456789ab", "zeekfleet devel-0123456789ab\ncommit " + commit + ending},
		"no version and no commit":     {"", &debug.BuildInfo{GoVersion: "go1.26.0"}, "devel", "zeekfleet devel\ngo1.26.0 " + runtime.GOOS + "/" + runtime.GOARCH + "\n"},
		"no information about a build": {"", nil, "devel", "zeekfleet devel\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := versionOf(tt.linked, tt.info); got != tt.version {
				t.Errorf("version %q, want %q", got, tt.version)
			}
			if got := describeBuild(tt.linked, tt.info); got != tt.inFull {
				t.Errorf("in full %q, want %q", got, tt.inFull)
			}
		})
	}
	if got, want := versionOf("", build("(devel)", "true")), "devel-0123456789ab+dirty"; got != want {
		t.Errorf("with changes: version %q, want %q", got, want)
	}
}
