// Package proc starts, watches, signals and adopts the processes of an agent's
// nodes. It is the only package that touches these, and works on Linux 5.4 or
// newer.
//
// Owned by it: one record per process in a directory (record.go), the output
// files of the processes, and their exit status. A Host is the face; Run owns
// every goroutine, one per process, which waits for a pidfd in the runtime's
// poller: no thread and no timer per process.
//
// # A launch
//
// A process outlives the agent that started it, so it must be findable from
// the first instruction of its program on. Each launch therefore goes through
// a gate: the Host starts its own executable again as a helper, which blocks on
// a pipe; writes the record, synced, with the helper's PID and kernel start
// time; and only then sends the helper its orders. The helper enters the
// working directory, sets affinity and limits, and executes the program, which
// keeps PID and start time. If the agent dies before the orders are out, the
// helper reads the end of the pipe and exits; if it dies after, the record is
// on disk. The helper is this package's ChildMain, which main has to call
// first.
//
// The process is the leader of its own session, reads /dev/null, writes its
// output files itself, inherits no descriptor of the agent's, and gets no
// signal when the agent dies. A service manager that ends all processes of a
// unit must be told to leave them alone (systemd: KillMode=process).
//
// # The end
//
// Stop sends SIGTERM to the process alone, whose children are its own
// business, and when the grace is over SIGKILL to its whole session. No other
// signal is ever sent; Zeek takes SIGHUP badly (spec zeek-launch 2.1). What is
// left of a session whose leader ended by itself is reported, not touched.
//
// The exit status of an adopted process is unknown, for the kernel tells only
// the parent. The package says so and never invents one.
//
// # Output
//
// Processes open their output files for appending and so survive rotation
// only by copy-and-truncate: while a process runs, a file that has grown beyond
// Config.OutputBytes is copied, as far as its last OutputBytes, to a numbered
// file and truncated. What the process writes between the two is lost. Between
// two looks (Config.Housekeeping) a file can exceed the limit by as much as
// its process writes in that time.
package proc
