// Package deptest holds the tests that keep the dependency arrows of
// docs/architecture.md: who may import whom, what a core may not touch, and
// that every package says what it is; and those that keep the documents' word
// about tests, and scripts/fuzz. It has no code of its own.
package deptest
