// Package proc starts, watches, signals and adopts the processes of an agent's
// nodes. No other package does that. It needs Linux 5.4 or newer.
//
// The package owns a directory with one record per process (record.go), the output
// files of the processes, and their exit status. Host is its main type. Host.Run
// owns all goroutines. Each process has one, which waits for a pidfd in the
// runtime's poller; a process needs no thread and no timer.
//
// # A launch
//
// A process outlives the agent that started it. So there must be a record of it
// before its program executes. A launch has these steps. The Host starts its own
// executable again as a helper, which blocks on a pipe. The Host writes the record
// with the helper's PID and kernel start time, and syncs it. Only then it sends the
// helper its orders. The helper enters the working directory, sets affinity and
// limits, and executes the program. The program keeps the helper's PID and start
// time. If the agent dies before it has sent the orders, the helper reads the end of
// the pipe and exits. If the agent dies later, the record is on disk. The helper is
// package launching: every program that imports this package can be one.
//
// The process leads its own session, reads /dev/null, writes its output files
// itself, inherits no other descriptor of the agent, and gets no signal when the
// agent dies. A service manager that ends all processes of a unit must be configured
// to leave them alone (systemd: KillMode=process).
//
// # The end
//
// Stop sends SIGTERM to the process but not to its children. When the grace is over
// it sends SIGKILL to the whole session. The package sends no other signal: Zeek
// handles SIGHUP badly (spec zeek-launch 2.1). If the leader of a session ends by
// itself, the Host reports the other processes of the session and leaves them alone.
//
// The exit status of an adopted process is unknown, because the kernel tells it only
// to the parent. The package reports it as unknown.
//
// # Output
//
// A process keeps its output files open for appending. So the Host can rotate them
// only by copying and truncating. When a file has grown beyond Config.OutputBytes,
// the Host copies its last OutputBytes to a numbered file and truncates it. Output
// that the process writes between the two steps is lost. The Host checks the sizes
// every Config.Housekeeping; until the next check a file can exceed the limit.
package proc
