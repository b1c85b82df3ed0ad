package mgmt

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxNameLen is the length, in bytes, of the longest name of a node or an
// instance. Names of nodes are names of directories.
const MaxNameLen = 128

// maxFileName is the length, in bytes, of the longest name after url.PathEscape.
// Names of files contain the escaped name, a launch's number, and endings. The
// whole name of a file can have 255 bytes.
const maxFileName = 200

// CheckName returns an error unless name can be the name of a node or an instance.
// A name is valid UTF-8, has no white space, control characters or slashes, and does
// not start with a dot or a dash. Such a name is safe as the name of a directory and
// as an argument of a command (spec management-api 7.2, G-A24).
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("names must not be empty")
	case len(name) > MaxNameLen:
		return fmt.Errorf("names must not be longer than %d bytes", MaxNameLen)
	case !utf8.ValidString(name):
		return errors.New("names must be valid UTF-8")
	case name[0] == '.' || name[0] == '-':
		return fmt.Errorf("names must not start with '%c'", name[0])
	case strings.Contains(name, "/"):
		return errors.New("names must not contain '/'")
	case strings.ContainsFunc(name, unicode.IsSpace):
		return errors.New("names must not contain white space")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("names must not contain control characters")
	}
	if n := len(url.PathEscape(name)); n > maxFileName {
		return fmt.Errorf("names must not need more than %d bytes as names of files, where letters beyond ASCII take six and more: this one needs %d", maxFileName, n)
	}
	return nil
}

// daemonsNames refuses nodes with the name of the controller or of an agent: they
// would run in its directory. Names that differ in the case of letters count as the
// same, because some file systems ignore case.
func (k *checker) daemonsNames() {
	agents := map[string][]InstanceName{} // by folded name
	for _, in := range slices.Sorted(maps.Keys(k.declared)) {
		agents[folded(string(in))] = append(agents[folded(string(in))], in)
	}
	for _, name := range slices.Sorted(maps.Keys(k.named)) {
		if c := k.rules.Controller.Name; c != "" && strings.EqualFold(string(name), c) {
			k.refuse("node '%s' has the name of the controller, whose directory it would run in; name it otherwise", printable(string(name)))
			continue
		}
		for _, in := range agents[folded(string(name))] {
			if string(name) != string(in) { // duplicateNames refuses equal names
				k.refuse("node '%s' has the name of the agent '%s', whose directory it would run in; name it otherwise", printable(string(name)), printable(string(in)))
			}
		}
	}
}

// folded returns the same text for all names that are equal under
// strings.EqualFold.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name)
}

func (k *checker) properNames() {
	for name := range k.declared {
		if err := CheckName(string(name)); err != nil {
			k.refuse("instance '%s' is badly named: %v", printable(string(name)), err)
		}
	}
	for name := range k.named {
		if err := CheckName(string(name)); err != nil {
			k.refuse("node '%s' is badly named: %v", printable(string(name)), err)
		}
	}
}

// printable returns text in a form for a message of one line: cut to MaxNameLen
// bytes, and with characters that do not print escaped.
func printable(text string) string {
	quoted := strconv.Quote(text[:min(len(text), MaxNameLen)])
	return quoted[1 : len(quoted)-1]
}

// ReservedEnv reports whether the program that starts nodes sets this environment
// variable. A configuration must not set it (spec management-api 7.2, G-A20).
func ReservedEnv(name string) bool {
	switch name {
	case "CLUSTER_NODE", "ZEEK_MANAGEMENT_NODE", "ZEEKPATH":
		return true
	}
	return strings.HasPrefix(name, "ZEEKFLEET_") && name != CPUsEnv
}

// impossibleEnv returns why a variable cannot be set, and nothing if it can. A
// variable with the name "A=B" would set the variable A.
func impossibleEnv(name, value string) string {
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return fmt.Sprintf("sets impossible environment variable '%s'", printable(name))
	case strings.Contains(value, "\x00"):
		return fmt.Sprintf("sets environment variable '%s' to a value with a NUL byte", printable(name))
	}
	return ""
}

func (k *checker) environment() {
	for _, n := range k.nodes {
		for _, name := range slices.Sorted(maps.Keys(n.Env)) {
			switch {
			case ReservedEnv(name):
				k.refuse("node '%s' sets reserved environment variable '%s'", n.Name, name)
			case impossibleEnv(name, n.Env[name]) != "":
				k.refuse("node '%s' %s", n.Name, impossibleEnv(name, n.Env[name]))
			case name == CPUsEnv:
				if _, err := n.CPUs(); err != nil {
					k.refuse("node '%s': %v", n.Name, err)
				}
			}
		}
	}
}

// text refuses text that is not valid UTF-8. Zeek's strings are bytes, but the store
// keeps UTF-8 and would change other bytes.
func (k *checker) text() {
	for _, n := range k.nodes {
		all := slices.Concat(n.Scripts, slices.Collect(maps.Keys(n.Env)), slices.Collect(maps.Values(n.Env)))
		for _, o := range n.Options {
			all = append(all, o.Name, o.Value)
		}
		if n.Interface != nil {
			all = append(all, *n.Interface)
		}
		if slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
			k.refuse("node '%s' has text that is not valid UTF-8", printable(string(n.Name)))
		}
	}
}
