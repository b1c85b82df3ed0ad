// Package app assembles the daemons: it turns settings into the parts of a
// controller or an agent, in the order in which the parts depend on each other.
//
// OpenController and OpenAgent open files and ports. The Run of the result runs the
// daemon, and then closes the files. Preflight checks a configuration in the same way
// as an agent, and needs no agent. The package starts no goroutines of its own.
package app
