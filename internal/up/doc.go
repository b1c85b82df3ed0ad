// Package up runs a whole cluster on one host. The controller and the agent run in
// this process; the agent starts the nodes as processes. The package deploys a
// cluster, shows the state of the nodes until its context ends, and then stops
// everything.
//
// Run starts a goroutine each for the controller, the agent, the display and the
// deployment. It returns when all of them have ended.
package up
