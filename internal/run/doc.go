// Package run runs a program to its end: in a process group of its own, for as long
// as a context allows, with bounds on what is kept of its output. When Run returns,
// the program and the processes of its group have ended. The package is not for
// nodes, which outlive what starts them: that is package proc.
package run
