// Package pause waits, unless a context ends before.
//
// It owns nothing and starts nothing.
package pause
