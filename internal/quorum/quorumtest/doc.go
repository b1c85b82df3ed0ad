// Package quorumtest is a quorum.Engine in memory, for tests of what stands on one. Sessions
// end by the clock, so a test that uses it belongs into a bubble of testing/synctest.
//
// Each controller has an Engine of one Cluster. An Engine can be cut off, be slow, lose its
// answers, and fail. What an Engine does before its ctx is done counts, also if the answer is
// lost: as with a real store, the caller does not know.
//
// The package starts no goroutines. Callbacks of watches run in the goroutine of the watch.
package quorumtest
