// Package resources owns the relation between our words and the JSON of the HTTP API: the
// controller writes what the command line reads, and the other way round.
package resources
