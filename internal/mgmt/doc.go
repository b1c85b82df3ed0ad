// Package mgmt has the types of the Management framework: instances, nodes,
// configurations, results, and one Go type for every event of its APIs (spec
// management-api sections 2 and 3). It has the rules for them as well: it checks
// configurations, assigns ports, and makes launch plans.
//
// The package does no I/O, starts no goroutines and knows no encoding. Package
// codec encodes and decodes these types.
//
// Some fields may be unset on the wire. Such a field is a pointer, a slice or a
// map, and nil means unset. It is a string where the empty string has no other
// meaning, and empty means unset. The comment at each such field says so. Slices
// that are sets on the wire carry no order.
package mgmt
