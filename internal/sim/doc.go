// Package sim runs a whole cluster in one goroutine, from a seed. The cores of the
// controller, the agents and the nodes are real. Everything around them is
// simulated.
//
// The network delays messages and breaks. Messages overtake each other on different
// connections, never on one. The two ends of a connection notice a partition at
// different times. Processes start slowly, never say hello, ignore SIGTERM, end at
// once or later, cannot be seen, or may not be signalled. Disks lose everything that
// was not saved, and saves fail. A second controller saves in the controller's
// store. Every part crashes at any step and starts again from its disk. An agent's
// disk may be empty then, and the wall clock may have jumped. Clients send every
// request, and much nonsense.
//
// A run is a series of episodes. Each episode is a time of mischief and then a time
// of peace. After each step the package checks the promises of the core: see
// controllerBook and agentBook. In peace it checks that every deployed node runs and
// nothing else: see referee. Users have roles, and nothing changes without a request
// of a user who may make it: see warrants. The same seed is the same run, step by step.
//
// The parts meet as the shells of package daemon let them meet: with the same
// topics, the same filters, and the same order of outcomes. The package starts no
// goroutine and reads no clock. Independent runs may go side by side.
package sim
