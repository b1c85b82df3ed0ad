//go:build race

package daemon_test

// raceDetector reports whether the tests are slowed down by it.
const raceDetector = true
