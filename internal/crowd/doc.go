// Package crowd attacks a controller with two thousand connections that stall,
// trickle, flood, forge, hoard and lie. It is for tests and measurements alone.
//
// The attackers are the goroutines of one process. The process has the lowest
// priority, because real attackers would not use the processors of the
// controller's host. Start runs the calling program again as that process, so the
// program's main function, or TestMain, must call MainIfCalled first. The process
// ends when Crowd.Stop is called, and when the program that started it ends.
package crowd
