package zeek

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkNode returns an error if Zeek would misread a name, script, option, variable
// or interface of the node.
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
		if err := mgmt.CheckOption(o); err != nil {
			return err
		}
	}
	for _, o := range n.RunOptions {
		if err := mgmt.CheckRunOption(o); err != nil {
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

// checkScript refuses text that Zeek does not take for the name of a script: an
// option of the command line, an assignment, a plugin, or "--", the end of Zeek's
// arguments.
func checkScript(s string) error {
	if s == "" || s[0] == '-' || strings.HasSuffix(s, "--") ||
		strings.ContainsAny(s, "=\x00\n\r") || strings.Contains(s, "::") {
		return fmt.Errorf("%.200q cannot be the name of a script", s)
	}
	return nil
}
