// Package lazy makes regular expressions when they are first used. A command uses few of
// those that the program has, and compiling all of them took a tenth of its time.
//
// It owns nothing and starts nothing.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns what compiles an expression at its first call, and returns it. An expression
// that is wrong panics there. The test of this package compiles all of them.
func Regexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
