// Command packages makes what a release of zeekfleet consists of, in a directory: packages for
// Debian and for RPM, images of containers, lists of what the programs were built from
// (CycloneDX), and checksums. `make packages` calls it.
//
// Two runs for one commit make the same bytes, wherever and whenever they run: all times are that
// of the commit, nothing depends on names or directories of the machine, and lists are sorted.
//
// It is in a module of its own, so that neither the program nor those who import it see what
// this command imports. It starts no goroutine.
package main
