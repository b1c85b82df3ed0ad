// Package app assembles the daemons: it turns settings into the parts of a
// controller or an agent, in the order in which the parts depend on each other.
//
// OpenController and OpenAgent open files and ports; Run runs what they have
// opened, and closes it. Preflight looks at a configuration as an agent does, and
// needs no agent.
package app
