// Package coretest is the language of the dialogues that test the cores: the
// controller's (PlayController), the agent's (PlayAgent), and the whole cluster of
// package sim.
//
// A dialogue is a text file. Lines that are not indented make something happen.
// Indented lines say what the core does then. They begin with the time:
//
//	case a node that ends by itself is started again
//	running worker
//	at 2s kill worker
//	  2s       -> everyone  worker is CRASHED, was RUNNING
//	  2s       happened: node RUNNING > CRASHED instance=host node=worker pid=101 cause="killed by SIGKILL"
//	  2s       error: node ended by itself node=worker err="node worker crashed: killed by SIGKILL"
//	  2s       -> everyone  error: node worker crashed: killed by SIGKILL
//	  3s       -> everyone  worker is PENDING, was CRASHED
//	  3s       happened: node CRASHED > PENDING instance=host node=worker cause="started again after it had ended by itself"
//	  3s       start worker, launch 2
//	  3s       -> worker#2  hello, I am host
//	  3s       -> everyone  worker is RUNNING, was PENDING
//	  3s       happened: node PENDING > RUNNING instance=host node=worker pid=102 cause="came up"
//	at 10s wait
//
// To write a dialogue, write the lines that are not indented, run the tests of the
// package with -update, and read the lines that were added. If a core decides
// otherwise one day, the dialogue changes, and a review reads the difference.
//
// # Lines
//
//	# TEXT                          a comment
//	case NAME                       begins anew: with a new core, at 0s
//	cluster ID INSTANCE... | NODE...  a configuration that requests can name by ID
//	at TIME VERB WORD...            does this at TIME, after everything that is planned until then
//	VERB WORD...                    does this at once
//
// Each verb has a file, verb_*.go. The file says which words the verb takes. Package
// sim has verbs of its own, in verbs_test.go. Blanks separate words. A word that has
// blanks needs quotes, as in Go. Semicolons separate results or findings.
//
// Nodes and instances are written as in "two a@10.0.0.1 b | manager@a:2200:9000
// worker-1@b,interface=eth0". Instance a has an address, and b has an unknown one.
// The node on a has its ports for peers and metrics. The node on b has an attribute
// (see Args.Nodes). The name of a node begins with its role; otherwise the node is a
// worker.
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
// In package sim several cores act. There each of these lines begins with the name
// of the program that acts: "controller.1 -> a1.1  welcome #1", "a1.1: start w1,
// launch 1". The number counts the starts of the program.
//
// The trace has the same form as the lines of a dialogue, so that an answer can be
// copied from the trace. Request IDs that the core makes are written as #1, #2, and
// so on.
//
// Requests and settings are read and written by the names of their types and
// fields. A new one needs no code in this package.
package coretest
