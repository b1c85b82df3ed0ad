// Package fakezeek is a process that behaves as Zeek does towards whoever
// launches it: it stands in for Zeek in tests, where it is a command of the test
// binary.
//
// It knows nothing of this program but what a real Zeek would: it reads its
// arguments, its environment and the files that these lead to, opens the ports
// that they name, writes the status file, and speaks with the agent as the node
// script does that it was told to load, over Broker or as a WebSocket server
// (spec zeek-launch). Scripts are not executed: assignments in them are read, the
// node script is recognised by what it calls, and a line with the comment
// "# fakezeek error: TEXT" is a mistake.
//
// It is the version of Zeek that FAKEZEEK_VERSION says, by default 8.2.2,
// installed below FAKEZEEK_PREFIX, by default /usr/local/zeek, where nothing has
// to exist. These variables, set for a node, make it misbehave:
//
//	FAKEZEEK_PARSE=3s            takes so long to read its scripts, with -a as well
//	FAKEZEEK_CHECKS=FILE         notes each run with -a in the file, by a line with its node
//	FAKEZEEK_BUSY=1              keeps a processor busy for these times, instead of sleeping
//	FAKEZEEK_START=3s            takes so long to come up; until then it cannot be ended
//	FAKEZEEK_SHY=3s              is RUNNING so long before it speaks with its agent
//	FAKEZEEK_FATAL=TEXT          prints "fatal error: TEXT" and ends while it starts
//	FAKEZEEK_INIT_ERROR=TEXT     warns, prints "error in FILE, line 9: TEXT", and ends while it initializes
//	FAKEZEEK_NEVER_READY=1       runs, but never says so to anyone
//	FAKEZEEK_CRASH_AFTER=200ms   crashes so long after it came up,
//	FAKEZEEK_CRASH_WITH=SIGABRT  by this signal, or by "exit 3"; by default SIGSEGV,
//	FAKEZEEK_CRASH_IF=FILE       but only if the file exists when it starts
//	FAKEZEEK_IGNORE_TERM=1       is not ended by SIGTERM or SIGINT
//	FAKEZEEK_LOGS="conn dns"     writes these logs, and rotates them when it ends
//	FAKEZEEK_PRINT=TEXT          prints TEXT as a script does, when it comes up
//	FAKEZEEK_MEMORY=100          occupies so many MiB
//
// Run starts a goroutine for each port and one for the agent; Main is the whole
// process.
package fakezeek
