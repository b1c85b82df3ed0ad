// Package copies keeps the files of one controller equal to what all controllers of its
// cluster share: the audit, the log of what happens, and the contents of bundles. So each
// controller can read all of it on its own disk, and a controller that begins to lead has it
// already.
//
// The controller that leads shares what it writes before it writes it to its own disk (Share).
// All others copy it (Run). CatchUp copies what is missing at the beginning of a lead: it
// returns when the logs have everything that was ever acknowledged.
//
// Run starts the goroutines that follow, and awaits them.
package copies
