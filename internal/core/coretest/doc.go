// Package coretest is the language in which conversations with the cores are
// tested: with a controller (PlayController), with an agent (PlayAgent), and with
// the whole cluster of package sim.
//
// A dialogue is a text file. Lines that are not indented make something happen.
// Indented lines are what the core does about it, after the time of day:
//
//	case a node that ends by itself is started again
//	running worker
//	at 2s kill worker
//	  2s       -> everyone  worker is CRASHED, was RUNNING
//	  2s       error: node ended by itself node=worker err="node worker crashed: killed by SIGKILL"
//	  2s       -> everyone  error: node worker crashed: killed by SIGKILL
//	  3s       -> everyone  worker is PENDING, was CRASHED
//	  3s       start worker, launch 2
//	  3s       -> worker#2  hello, I am host
//	  3s       -> everyone  worker is RUNNING, was PENDING
//	at 10s wait
//
// To write one, write the lines that are not indented, run the tests of the
// package with -update, and read what was added. The difference is what a review
// reads when a core decides otherwise.
//
// # Lines
//
//	# TEXT                          a comment
//	case NAME                       all begins anew: a new core, at 0s
//	cluster ID INSTANCE... | NODE...  a configuration that requests can name by ID
//	at TIME VERB WORD...            everything happens up to TIME, and then this
//	VERB WORD...                    this happens at once, before anything else does
//
// Each verb has a file, verb_*.go, which says what words it takes. Package sim has
// verbs of its own, in verbs_test.go. Words have blanks between them. A blank
// within a word needs quotes, as in Go. Semicolons stand between several results
// or findings.
//
// Nodes and instances are written as in "two a@10.0.0.1 b | manager@a:2200:9000
// worker-1@b,interface=eth0": instance a at an address, b at an unknown one, a
// node on a with its ports for peers and metrics, one on b with an attribute
// (Args.Nodes). A node's role is the one that its name begins with, else worker.
//
// Requests are written as "get_id_value q1 id=Cluster::node nodes=w1,w2": the
// name in the table of package mgmt, the request's ID, and the fields that are not
// zero. Results are written as "ok worker-1@a = 96", "fail a \"no room\"".
//
// # What the core does
//
//	-> PEER  MESSAGE                it sends to that peer, or to everyone who listens
//	-> INSTANCE (PEER)  MESSAGE     the same, where a peer is an instance's agent
//	info: TEXT KEY=VALUE...         a note for the log, of that level
//	save STATE, start NODE, ...     anything else
//
// In package sim, where several cores act, each of these begins with who does it:
// "controller.1 -> a1.1  welcome #1", "a1.1: start w1, launch 1". The number counts
// the lives of a program.
//
// Everything is written as it is read, so that an answer can be copied from the
// trace. Request IDs that the core makes are called #1, #2, and so on.
//
// Requests and settings are read and written by the names of their types and
// fields: one that is new needs nothing here.
package coretest
