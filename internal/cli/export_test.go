package cli

import "io"

// Finish prints an outcome, as commands do.
func Finish(c *Commands, o Outcome) int { return c.finish(o) }

// HistoryOutcome is the outcome of get-history.
var HistoryOutcome = getHistoryOutcome

// NewHarmless returns a writer that makes a text harmless for a terminal.
func NewHarmless(to io.Writer) io.Writer { return &harmless{to: to} }

// Amount is amount, for tests.
func Amount(v float64) string { return amount(v) }
