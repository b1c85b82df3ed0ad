package mgmt

import "fmt"

// Finding is something that keeps a deployment from succeeding.
type Finding struct {
	// Node is the node that it concerns. Empty: it concerns the whole host.
	Node NodeName
	// Problem is a text for people: one line without the node's name.
	Problem string
	// Outputs is what a check of the node's scripts printed, if the finding is from
	// that check.
	Outputs NodeOutputs
}

// String returns "node worker-1: no such interface", or the problem alone.
func (f Finding) String() string {
	if f.Node == "" {
		return f.Problem
	}
	return fmt.Sprintf("node %s: %s", f.Node, f.Problem)
}
