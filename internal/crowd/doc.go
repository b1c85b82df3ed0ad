// Package crowd attacks a controller with two thousand connections that
// stall, trickle, flood, forge, hoard and lie. It is for tests and measurements alone.
//
// The attackers are one process of the lowest priority: what they would do on
// machines of their own must not cost those that they attack more than it would
// cost them there. The program that calls Start is started once more for it, so
// its main function, or TestMain, must call MainIfCalled. The process ends with
// its Crowd, and with the program that started it.
package crowd
