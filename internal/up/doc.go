// Package up runs a whole cluster on one host, in one process: a controller, an
// agent and its nodes. It deploys a cluster, shows the state of the nodes until it
// is told to end, and then stops everything.
package up
