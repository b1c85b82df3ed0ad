// Package form owns the JSON forms in which zeekfleet writes to disk: how a
// reader tells which form a text has, and the forms of configurations and plans,
// which several files hold.
//
// A form is a set of types with tags, made for one file, and has a number, which
// the text says in its field "version". A text without that field has form 0, in
// which zeekfleet wrote before it knew forms. A form never changes: what has to
// be written differently gets the next number, and the reader knows both. A text
// of a newer form than the reader knows, and a text with a field that its form
// does not have, are errors, so that nothing is lost in silence.
//
// All functions are pure. The package starts no goroutines.
package form
