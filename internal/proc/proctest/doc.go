// Package proctest has a Host without processes, for tests of what is built on
// package proc. Its nodes start at once, end when they are told to, and do
// what a test asks of them. Time is that of the time package, so that graces
// pass in a synctest bubble. It starts no goroutines; a grace is a timer.
package proctest
