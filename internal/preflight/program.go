package preflight

import (
	"fmt"

	"os"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkPrograms finds programs that are not there or cannot be run.
func checkPrograms(checks []Check) []mgmt.Finding {
	var found []mgmt.Finding
	for _, c := range checks {
		if c.Program == "" {
			continue
		}
		if why := cannotRun(c.Program); why != "" {
			found = append(found, mgmt.Finding{Node: c.Node, Problem: fmt.Sprintf("the program of its command, %s, %s", c.Program, why)})
		}
	}
	return found
}

// cannotRun returns why a program cannot be run, or nothing.
func cannotRun(program string) string {
	info, err := os.Stat(program)
	switch {
	case os.IsNotExist(err):
		return "does not exist on this host"
	case err != nil:
		return fmt.Sprintf("cannot be looked at: %v", err)
	case !info.Mode().IsRegular():
		return "is not a file"
	case unix.Access(program, unix.X_OK) != nil:
		return "may not be run by the agent's user (chmod +x)"
	}
	return ""
}
