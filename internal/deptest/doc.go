// Package deptest holds the tests that keep the dependency arrows of
// docs/architecture.md: who may import whom, what a core may not touch, and
// that every package says what it is. It has no code of its own.
package deptest
