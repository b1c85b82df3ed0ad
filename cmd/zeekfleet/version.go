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

// version is the version of the sources. The linker sets it (see the Makefile).
// Otherwise it is empty.
var version string

// newVersionCommand returns the command that prints version, commit and compiler;
// --version prints only the version.
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

// programVersion returns the version of this program.
func programVersion() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(version, info)
}

// programBuild returns what this program was built from, without its version, in one line.
func programBuild() string {
	info, _ := debug.ReadBuildInfo()
	_, rest, _ := strings.Cut(strings.TrimSpace(describeBuild(version, info)), "\n")
	return strings.ReplaceAll(rest, "\n", ", ")
}

// versionOf returns the version that the linker set, or else the module version
// that the go command found, or else the commit. info may be nil.
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

// unversioned stands for an unknown version.
const unversioned = "devel"

// describeBuild returns the lines that `zeekfleet version` prints: a report of a
// fault should quote them.
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

// commitOf returns the commit that the program was built from, the time of that
// commit, and whether the work tree had changes.
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

// appName returns the name and version that clients send in X-Application-Name. It
// has only characters that Zeek accepts there (spec websocket 4.2).
func appName() string {
	return "zeekfleet/" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("-/_.=:*@", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, programVersion())
}
