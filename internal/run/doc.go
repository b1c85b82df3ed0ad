// Package run runs a program to its end, in a process group of its own, with bounded
// output. When a context ends, the package kills the whole group. The package is not
// for nodes, which outlive the program that starts them; package proc is.
package run
