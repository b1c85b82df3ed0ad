// Package zeek holds the program's knowledge of Zeek: which version has which
// feature, where an installation keeps its scripts, and which files, arguments
// and environment start a cluster node. It supports Zeek 5.0 to 9.x.
//
// The package owns all text that we write and Zeek reads: the cluster layout, the
// options script and the node scripts. It renders text and argument vectors. It
// starts no process, opens no file and has no goroutine: every function is a pure
// function of a version, a plan and the facts of a host.
//
// A launch takes two calls on a Deployment. Generate renders the files; the
// caller writes them to a directory of their own. Command renders the argument
// vector and the environment of a node that reads the files there. Command.Check
// returns the command that only checks the scripts.
//
// Text from a configuration (names, paths, addresses, options) enters a script
// only as a literal that Zeek reads back as exactly that text. It enters an
// argument vector only if Zeek cannot take it for another kind of argument.
package zeek
