package zeek

import (
	"fmt"
	"strings"

	"zeekfleet/internal/mgmt"
)

// MaxOption bounds the value of a script option, in bytes.
const MaxOption = 4 << 10

// checkNode reports what of a node's description Zeek would take for something
// other than it is meant to be.
func checkNode(n mgmt.Node) error {
	if err := mgmt.CheckName(string(n.Name)); err != nil {
		return fmt.Errorf("node %q: %w", n.Name, err)
	}
	for _, s := range n.Scripts {
		if err := checkScript(s); err != nil {
			return err
		}
	}
	for _, o := range n.Options {
		if err := checkOption(o); err != nil {
			return err
		}
	}
	for name, value := range n.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return fmt.Errorf("%.80q cannot be an environment variable", name)
		}
	}
	if n.Interface != nil && strings.ContainsRune(*n.Interface, 0) {
		return fmt.Errorf("%.80q cannot be an interface", *n.Interface)
	}
	return nil
}

// checkScript refuses what Zeek would not load as a script: an option of its
// command line, an assignment, a plugin, and the end of its arguments.
func checkScript(s string) error {
	if s == "" || s[0] == '-' || strings.HasSuffix(s, "--") ||
		strings.ContainsAny(s, "=\x00\n\r") || strings.Contains(s, "::") {
		return fmt.Errorf("%.200q cannot be the name of a script", s)
	}
	return nil
}

// checkOption refuses what Zeek would not set as an option. It builds a script
// of name and value, quoting the value of a string but not escaping it, so a
// value is refused that could be more than a value.
func checkOption(o mgmt.Option) error {
	if !isIdentifier(o.Name) {
		return fmt.Errorf("%.80q cannot be the name of a script option", o.Name)
	}
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("();\\#$@`", r) }
	if len(o.Value) > MaxOption || strings.ContainsFunc(o.Value, bad) || strings.HasSuffix(o.Value, "--") {
		return fmt.Errorf(`the value of the script option %s cannot be an argument: at most %d bytes, no control characters, and none of ( ) ; \ # $ @ and backquote; set it in a script`, o.Name, MaxOption)
	}
	return nil
}

// isIdentifier tells whether name can be that of a global identifier, such as
// "Telemetry::metrics_port".
func isIdentifier(name string) bool {
	for part := range strings.SplitSeq(name, "::") {
		if part == "" || '0' <= part[0] && part[0] <= '9' ||
			strings.ContainsFunc(part, func(r rune) bool { return r != '_' && !isAlnum(r) }) {
			return false
		}
	}
	return len(name) <= 200
}
