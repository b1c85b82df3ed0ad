// Package leading decides when a controller of a cluster leads, follows, doubts the one that
// leads, and takes its place.
//
// A Machine asks the store for one thing of each kind at a time, and gets one Done for each
// call. It believes in a lead of its own until the store or the watch says otherwise, until the
// session with the store could have ended, or until the term ends by itself. None of this is
// what keeps two controllers from writing: each write has the token of the lead, and the store
// refuses the token of an earlier one.
//
// A controller that follows asks the one that leads again and again. Without answers it doubts,
// and writes so into the store. When enough members doubt, one of them ends that lead, and the
// first that asks for it leads.
//
// The Machine compares only times that Step was given. So a wall clock that jumps changes
// nothing, if the times have a monotonic reading.
//
// The package does no I/O, reads no clock and starts no goroutines.
package leading
