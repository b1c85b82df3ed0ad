// Command bench measures times, rates and memory of the program, and prints each
// figure beside its budget. It builds the binary, runs real processes on loopback
// addresses, and leaves nothing behind. Times depend on the machine. The first
// figure is the machine's own loopback echo; compare times of two machines by it.
//
// Arguments are names of figures, such as scale. Without arguments it makes all
// figures, and the scale figure with fewer deployments than by its name.
//
// A figure beyond its budget is printed as MISSED. It does not fail the command:
// people read the figures, and no test enforces them.
package main
