// Package bench measures times, rates and memory of the program, and prints each figure
// beside its budget. It is the hidden command "zeekfleet bench" of the full program.
//
// The program is measured from outside: controllers, agents, nodes and the ends of peerings
// are processes of their own, on loopback addresses. They are this same program, and those
// that are no daemons run Helper. Nothing is left behind.
//
// # How figures are judged
//
// Times depend on the machine, and on the hour. Before and after each measurement the time of
// a loopback echo is measured. The budgets are for a machine whose echo of 64 bytes takes 14
// µs. Budgets of times and rates are scaled by that, those of memory and sizes are not. A
// figure beyond its budget is printed as MISSED. It does not fail the command: people read
// the figures, and no test enforces them.
//
// # Goroutines
//
// Run and Helper start goroutines, and return when all of them have ended.
package bench
