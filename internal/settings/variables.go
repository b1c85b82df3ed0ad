package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A variable with ownPrefix is ours. A variable with one of the other prefixes may
// also be one that only Zeek or zeek-client reads.
const ownPrefix = "ZEEKFLEET_"

var prefixes = []string{ownPrefix, "ZEEK_AGENT_", "ZEEK_CONTROLLER_", "ZEEK_MANAGEMENT_", "ZEEK_CLIENT_"}

// ofCommands are variables that single commands read.
var ofCommands = []string{"ZEEKFLEET_CONTEXT", "ZEEKFLEET_CONTROLLER_USER", "ZEEKFLEET_TOKEN", "ZEEKFLEET_API_TOKEN", "ZEEKFLEET_FINGERPRINT"}

// notOurs are variables of the framework that no daemon of ours reads.
var notOurs = []string{"ZEEK_MANAGEMENT_NODE", "ZEEK_MANAGEMENT_TESTING", "ZEEK_CLIENT_CONFIG_FILE", "ZEEK_CLIENT_CONFIG_SETTINGS"}

// UnknownVariables returns a warning for each variable in environ that looks like
// one of ours and that nothing reads. The warning names the variable that was
// probably meant. A variable with a prefix of the framework only counts if its
// name is close to that of a variable of ours. environ is os.Environ's.
func UnknownVariables(environ []string) []string {
	var given []string // most commands have none of these variables, and need no tables
	for _, assignment := range environ {
		name, value, _ := strings.Cut(assignment, "=")
		hasPrefix := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if value != "" && slices.ContainsFunc(prefixes, hasPrefix) { // an empty variable counts as unset
			given = append(given, name)
		}
	}
	if given == nil {
		return nil
	}
	known := map[string]string{ConfigEnv: ConfigEnv, mgmt.CPUsEnv: mgmt.CPUsEnv}
	for _, name := range slices.Concat(notOurs, ofCommands) {
		known[name] = name
	}
	meant := map[string]string{} // by names that a person might give to a variable
	add := func(key, env string) {
		known[env] = env
		meant[ownPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = env
		if rest, ok := strings.CutPrefix(env, "ZEEK_"); ok {
			meant[ownPrefix+rest] = env
		}
	}
	for _, s := range controllerTable(Sources{}, new(parts)) {
		add(s.key, s.env)
	}
	for _, s := range agentTable(Sources{}, new(parts)) {
		add(s.key, s.env)
	}
	maps.Copy(meant, known)
	var unknown []string
	for _, name := range given {
		if known[name] != "" {
			continue
		}
		switch near, own := meantVariable(name, meant), strings.HasPrefix(name, ownPrefix); {
		case near != "":
			unknown = append(unknown, fmt.Sprintf("nothing reads the environment variable %s; did you mean %s?", name, near))
		case own:
			unknown = append(unknown, fmt.Sprintf("nothing reads the environment variable %s", name))
		}
	}
	slices.Sort(unknown)
	return unknown
}

// meantVariable returns the variable that name stands for in meant. If there is
// none, it returns the variable with the same prefix whose name is nearest.
func meantVariable(name string, meant map[string]string) string {
	if env := meant[name]; env != "" {
		return env
	}
	for _, prefix := range prefixes {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		var alike []string
		for _, n := range slices.Sorted(maps.Keys(meant)) {
			if r, ok := strings.CutPrefix(n, prefix); ok {
				alike = append(alike, r)
			}
		}
		if near := mgmt.Nearest(rest, alike); near != "" {
			return meant[prefix+near]
		}
	}
	return ""
}
