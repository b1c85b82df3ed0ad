// Package relay owns what a controller does for its callers while another controller leads:
// it passes their requests on, with their WebSockets, and says for whom.
//
// A Relay authenticates nobody for the controller that leads. It proves that it is a
// controller of the cluster, and says what it knows of the caller's connection. API tokens
// and sessions go along, and the controller that leads judges them.
//
// A request that waits for a controller that leads is not lost when the lead changes. A
// request that may have been carried out is never sent twice, unless it only reads.
//
// Serve starts the goroutines of net/http, and those of its client for the connections to
// the controller that leads. They have ended soon after Serve returns.
package relay
