// Package show prints the results of commands. A result is data first: a Go value, which
// scripts get as JSON or YAML. A person at a terminal gets a page that is made from it:
// tables, facts and texts, with colour, as wide as the terminal.
//
// Nothing in a result can control the terminal: what is not printable shows as a question
// mark on a page, and as an escape sequence of JSON or YAML elsewhere.
//
// Colour never is the only sign of anything. The package starts no goroutines.
package show
