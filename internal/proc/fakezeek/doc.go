// Package fakezeek is a process that behaves like Zeek. Tests launch it in place of
// Zeek, as a command of the test binary.
//
// It has no knowledge that a real Zeek would not have. It reads its arguments, its
// environment and the files that these name. It opens the ports that they name and
// writes the status file. It speaks with the agent as the loaded node script does,
// over Broker or as a WebSocket server (spec zeek-launch). It does not execute
// scripts: it reads the assignments in them, recognises the node script by the
// functions that it calls, and takes a line with the comment
// "# fakezeek error: TEXT" for an error in the script. It knows the options that scripts
// declare on one line, and some of Zeek's.
//
// In one thing it is stricter than Zeek: it ends with an error if bundles are not where
// they should be in the search paths of scripts and plugins, or if a bundle has other
// content than the name of its directory says.
//
// Its version is FAKEZEEK_VERSION, by default 8.2.2. Its installation is below
// FAKEZEEK_PREFIX, by default /usr/local/zeek; that directory need not exist. These
// variables, set for a node, change its behaviour:
//
//	FAKEZEEK_PARSE=3s            takes 3 s to read its scripts, with -a as well
//	FAKEZEEK_CHECKS=FILE         appends a line with the node's name to the file at each run with -a
//	FAKEZEEK_PEERS=FILE          appends a line with the name of each node that joins the ZeroMQ cluster of this manager
//	FAKEZEEK_BUSY=1              uses processor time for the times of PARSE and START, instead of sleeping
//	FAKEZEEK_START=3s            takes 3 s to start; signals do not end it before
//	FAKEZEEK_CONNECT=3s              speaks with its agent only 3 s after it wrote RUNNING
//	FAKEZEEK_FATAL=TEXT          prints "fatal error: TEXT" and ends while it starts
//	FAKEZEEK_INIT_ERROR=TEXT     warns, prints "error in FILE, line 9: TEXT", and ends while it initializes
//	FAKEZEEK_NEVER_READY=1       runs, but writes no RUNNING and never speaks with its agent
//	FAKEZEEK_CRASH_AFTER=200ms   crashes 200 ms after its start,
//	FAKEZEEK_CRASH_WITH=SIGABRT  by this signal, or by "exit 3"; by default SIGSEGV,
//	FAKEZEEK_CRASH_IF=FILE       but only if the file exists when it starts
//	FAKEZEEK_IGNORE_TERM=1       does not end at SIGTERM or SIGINT
//	FAKEZEEK_LOGS="conn dns"     writes these logs, and rotates them when it ends
//	FAKEZEEK_PRINT=TEXT          prints TEXT as a script does, when it starts
//	FAKEZEEK_BACKENDS="zeromq"   has these cluster backends and no others; by default those of its version
//	FAKEZEEK_KEEPS_CONSTANTS=1   no script can change a constant while it runs
//	FAKEZEEK_MEMORY=100          occupies 100 MiB
//
// Main is the whole process. A node has a goroutine for each port and one for the
// agent.
package fakezeek
