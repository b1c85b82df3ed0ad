// Package metrics owns what Prometheus reads: the families of metrics of a controller, of an
// agent and of an embedded node, their text, and a small server for it.
//
// Most figures come from state that exists; they are gathered for each scrape, and no lock is
// held meanwhile. Only what has no state is counted: requests, operations, events, crashes. Names
// in labels are cleaned and bounded, and so is the number of series of a scrape.
//
// The package starts no goroutine but those of net/http in Serve, which ends them. All methods
// are safe for concurrent use.
package metrics
