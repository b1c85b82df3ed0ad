package cli

// Finish prints an outcome, as commands do.
func Finish(c *Commands, o Outcome) int { return c.finish(o) }

// HistoryOutcome is the outcome of get-history.
var HistoryOutcome = getHistoryOutcome
