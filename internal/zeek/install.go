package zeek

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// MaxHelp is how many bytes of the output of HelpArgv ParseHelp reads.
const MaxHelp = 256 << 10

// prefixes are the directories where upstream's packages, upstream's default for
// builds, and distributions install Zeek.
var prefixes = []string{"/opt/zeek", "/usr/local/zeek", "/usr/local", "/usr", "/opt/local", "/opt/zeek-lts", "/opt/zeek-nightly"}

// Install is an installation of Zeek.
type Install struct {
	// Path is the executable, absolute.
	Path    string
	Version Version
	// Prefix is the directory it is installed below, such as "/opt/zeek".
	Prefix string
	// ScriptDir holds base and policy, such as "/opt/zeek/share/zeek".
	ScriptDir string
	// SearchPath lists, in order, the absolute directories where Zeek looks for
	// scripts if ZEEKPATH is not set.
	SearchPath []string
	// PluginPath lists the directories where Zeek looks for plugins, separated by
	// colons. It may be empty.
	PluginPath string
	// Backends are the cluster backends that this Zeek has, as Zeek says itself
	// (ParsePlugins). Nil means that Zeek did not say it: its version counts.
	Backends []Backend
	// LacksAFPacket says that Zeek itself says that it has no packet source for AF_PACKET.
	LacksAFPacket bool
	// FreesLogPort tells whether a node that receives logs over ZeroMQ can serve
	// WebSocket clients (ProbeArgv).
	FreesLogPort bool
}

// Candidates returns the files that may be Zeek's executable, best first.
// searchPath is the value of PATH. given is the executable that the settings name:
// a path is the only candidate, and a bare name is looked for in searchPath only.
// If given is empty, the candidates are "zeek" in searchPath and then "zeek" below
// the usual prefixes.
func Candidates(given, searchPath string) []string {
	if strings.Contains(given, "/") {
		return []string{given}
	}
	name := given
	if name == "" {
		name = "zeek"
	}
	var found []string
	add := func(dir string) {
		if file := path.Join(dir, name); path.IsAbs(file) && !slices.Contains(found, file) {
			found = append(found, file)
		}
	}
	for dir := range strings.SplitSeq(searchPath, ":") {
		add(dir)
	}
	if given == "" {
		for _, p := range prefixes {
			add(path.Join(p, "bin"))
		}
	}
	return found
}

// HelpArgv returns the argument vector that makes an executable print where it is
// installed. ParseHelp reads the output.
func HelpArgv(executable string) []string { return []string{executable, "--help"} }

// HelpEnv returns environ without the variables that would make Zeek print other
// directories than those of its installation.
func HelpEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return strings.HasPrefix(name, "ZEEK") || name == "CLUSTER_NODE"
	})
}

// ParseHelp reads the output of Zeek's executable, stdout and stderr together, when
// it runs with HelpArgv and HelpEnv. The error says which line is missing.
func ParseHelp(executable, output string) (Install, error) {
	output = output[:min(len(output), MaxHelp)]
	in := Install{Path: executable}
	var search string
	haveVersion, haveSearch := false, false
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if v, err := ParseVersion(line); err == nil && !haveVersion && strings.HasPrefix(line, "zeek version ") {
			in.Version, haveVersion = v, true
		}
		if text, ok := helpValue(line, "$ZEEKPATH", "file search path"); ok {
			search, haveSearch = text, true
		}
		if text, ok := helpValue(line, "$ZEEK_PLUGIN_PATH", "plugin search path"); ok {
			in.PluginPath = text
		}
	}
	switch {
	case !haveVersion:
		return Install{}, fmt.Errorf("%s --help: found no line \"zeek version …\" (is it Zeek?)%s", executable, printed(output))
	case !haveSearch:
		return Install{}, fmt.Errorf("%s --help: found no line \"$ZEEKPATH … file search path (…)\"%s", executable, printed(output))
	}
	if err := in.setSearchPath(search); err != nil {
		return Install{}, fmt.Errorf("%s --help: file search path %.200q: %w", executable, search, err)
	}
	return in, nil
}

// printed returns the end of an error message: the line of the output that says
// best what is wrong. A Zeek that lacks a library prints which one.
func printed(output string) string {
	line := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, mgmt.NodeOutputs{Stderr: output}.TellingLine())
	if line == "" {
		return "; it printed nothing"
	}
	return "; it printed: " + line
}

// helpValue returns the value in parentheses on the line of a variable. The value
// may itself contain parentheses.
func helpValue(line, variable, what string) (string, bool) {
	rest, ok := strings.CutPrefix(line, variable)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t|"), what+" (")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ")")
}

func (in *Install) setSearchPath(text string) error {
	for dir := range strings.SplitSeq(text, ":") {
		if path.IsAbs(dir) {
			in.SearchPath = append(in.SearchPath, path.Clean(dir))
		}
	}
	for _, dir := range in.SearchPath {
		if slices.Contains(in.SearchPath, path.Join(dir, "policy")) {
			in.ScriptDir = dir
			break
		}
	}
	if in.ScriptDir == "" {
		return errors.New("it lists no directory together with its subdirectory \"policy\"")
	}
	in.Prefix = strings.TrimSuffix(in.ScriptDir, "/share/zeek")
	if in.Prefix == in.ScriptDir {
		in.Prefix = path.Dir(path.Dir(in.Path))
	}
	if in.Prefix == "" {
		in.Prefix = "/"
	}
	return nil
}
