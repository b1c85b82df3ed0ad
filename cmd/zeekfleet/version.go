package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is what this program was built from. The linker sets it (see the
// Makefile); otherwise it is empty.
var version string

// newVersionCommand returns the command that says more than --version does.
func newVersionCommand(streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show what this program was built from",
		Args:  wantArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := io.WriteString(cmd.OutOrStdout(), describeBuild(version, info))
			return failed(err)
		},
	}
}

// programVersion returns what this program was built from, as far as its build
// says.
func programVersion() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(version, info)
}

// versionOf returns what the linker was told, or else what the go command knew:
// the version that it found, or the commit. info may be nil.
func versionOf(linked string, info *debug.BuildInfo) string {
	if linked != "" || info == nil {
		return cmp.Or(linked, unversioned)
	}
	if found := info.Main.Version; found != "" && found != "(devel)" {
		return found
	}
	commit, _, changed := commitOf(info)
	if commit == "" {
		return unversioned
	}
	text := unversioned + "-" + commit[:min(len(commit), 12)]
	if changed {
		text += "+dirty"
	}
	return text
}

// unversioned stands for a version that nobody knows.
const unversioned = "devel"

// describeBuild says in a few lines what a report of a fault should have.
func describeBuild(linked string, info *debug.BuildInfo) string {
	text := "zeekfleet " + versionOf(linked, info) + "\n"
	if info == nil {
		return text
	}
	if commit, at, changed := commitOf(info); commit != "" {
		text += "commit " + commit + " of " + at
		if changed {
			text += ", with changes"
		}
		text += "\n"
	}
	return text + fmt.Sprintf("%s %s/%s\n", info.GoVersion, runtime.GOOS, runtime.GOARCH)
}

// commitOf returns the commit that the program was built from and its time, and
// whether files had been changed since.
func commitOf(info *debug.BuildInfo) (commit, at string, changed bool) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.time":
			at = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	return commit, at, changed
}

// appName is how clients introduce themselves, in the letters that Zeek takes in
// X-Application-Name (spec websocket 4.2).
func appName() string {
	return "zeekfleet/" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("-/_.=:*@", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, programVersion())
}
