// Package zeek is what the program knows of Zeek: which version has what, where
// an installation keeps its scripts, and with which files, arguments and
// environment a cluster node is launched. It supports Zeek 5.0 to 9.x.
//
// It owns the text of everything that Zeek reads and that is ours: the cluster
// layout, the options script and the node scripts. It renders text and argument
// vectors and starts nothing, opens no file and has no goroutine; everything in
// it is a pure function of a version, a plan and the facts of a host.
//
// A launch takes two calls on a Deployment. Generate renders the files, which
// the caller writes to a directory of their own; Command renders argument
// vector and environment of a node that is to read them there. Command.Check is
// the same as a mere check of the scripts.
//
// Text that came from a configuration (names, paths, addresses, options) enters
// a script only as a literal of which Zeek reads exactly that text, and enters
// an argument vector only where Zeek takes it for what it is meant to be.
package zeek
