// Package form owns the rules for the JSON files that zeekfleet writes, and the forms
// of configurations and plans, which several files contain.
//
// A form is a set of Go types with tags. It has a number, which a text of that form
// has in its field "version". A text without the field has form 0: the first versions
// of zeekfleet wrote no "version". A form never changes. A change of what is written
// makes a new form with the next number, and the reader reads both. A text of a form
// that the reader does not know, and a text with a field that its form does not have,
// are errors, so that no data is silently lost.
//
// All functions are pure. The package starts no goroutines.
package form
