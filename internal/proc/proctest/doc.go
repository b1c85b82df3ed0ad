// Package proctest has a Host without processes, for tests of packages that use
// package proc. Its nodes start at once and end when they are stopped. Tests control
// everything else. It takes the time from package time, so graces pass in a synctest
// bubble. It starts no goroutines; a grace is a timer.
package proctest
