// Package mgmt holds the words of the Management framework: instances, nodes,
// configurations, results, and one Go type for every event of its APIs (spec
// management-api sections 2 and 3), together with what can be decided about
// them alone: validation, port assignment, launch plans.
//
// The package does no I/O, starts no goroutines and knows no encoding; package
// codec maps these types to what travels.
//
// A field that may be unset on the wire is a pointer, or a slice or map whose
// nil means unset, or, where an empty string has no meaning of its own, a
// string whose emptiness means unset; each such field says so. Slices that are
// sets on the wire carry no order.
package mgmt
