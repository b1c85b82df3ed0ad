package cli

import "github.com/zeekfleet/zeekfleet/internal/cli/show"

// Printable replaces each character that is not printable by a question mark, and
// a tab by a blank. The output of a process then cannot control the terminal.
func Printable(text string) string { return show.Printable(text) }
