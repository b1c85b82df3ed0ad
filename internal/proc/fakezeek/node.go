package fakezeek

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

// node is the process after it has loaded its scripts.
type node struct {
	*zeek
	*scripts
	name  string
	began time.Time
	logs  []openLog
	// member is the node's own entry in the layout. clustered says that the layout has
	// this entry, and that there is a backend for reaching the other nodes.
	member    member
	clustered bool
	endpoint  *bus.Endpoint // of a clustered node
	failed    chan error    // what ends the node while it runs
	// runOptions are the options of the node. Only the conversation with the agent uses
	// them after the start.
	runOptions *runoption.Options
}

// runNode starts the node and runs it until a signal ends it. It returns nil after an
// orderly end.
func (z *zeek) runNode(s *scripts, signals <-chan os.Signal) error {
	n := &node{zeek: z, scripts: s, name: z.env("CLUSTER_NODE"), began: time.Now(), failed: make(chan error, 1)}
	n.member, n.clustered = s.layout[n.name]
	n.clustered = n.clustered && n.hasBackend()
	defer runtime.KeepAlive(z.occupy())
	if z.fatal != "" {
		return fatalf("%s", z.fatal)
	}
	z.take(z.startTime)

	// Wait for the end of all parts, so that the ports are free when the status file
	// says TERMINATED.
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	if err := n.checkInterface(); err != nil {
		return err
	}
	if err := n.open(ctx, &parts); err != nil {
		return err
	}
	if err := n.openLogs(); err != nil {
		return err
	}
	if err := n.initScripts(); err != nil {
		return err
	}
	if !n.neverReady {
		if n.clustered {
			n.meetAgent(ctx, &parts) // Zeek does it in zeek_init, before its loop
		}
		n.status("RUNNING", "run_loop")
	}
	return n.loop(signals)
}

// initScripts does what Zeek's scripts do in zeek_init.
func (n *node) initScripts() error {
	if n.loadedShipped(n.scripts, "policy/frameworks/management/node") && n.values["Management::Log::level"] != "Management::Log::ERROR" {
		return n.failInit("policy/frameworks/management/log.zeek", 100, "not a supervised process (Supervisor::node())")
	}
	if n.initError != "" {
		return n.failInit("base/frameworks/main.zeek", 9, n.initError)
	}
	n.setStartOptions()
	if n.printed == "" {
		return nil
	}
	stdout := bufio.NewWriterSize(n.out, 4096) // as the C library buffers it
	fmt.Fprintln(stdout, n.printed)
	if strings.Contains(n.scripts.text.String(), `set_buf(open("-"), F);`) {
		return stdout.Flush()
	}
	n.flush = stdout.Flush
	return nil
}

// failInit prints a warning and an error of a script in zeek_init, and returns the
// error that ends Zeek.
func (n *node) failInit(script string, line int, text string) error {
	fmt.Fprintf(n.err, "warning in %s, line %d: deprecated (old)\n", path.Join(n.scriptDir(), script), line-1)
	fmt.Fprintf(n.err, "error in %s, line %d: %s\n", path.Join(n.scriptDir(), script), line, text)
	return fatalf("errors occurred while initializing")
}

// hasBackend tells whether the node has a cluster backend. Up to 8.0 it always has
// Broker. From 8.1 on it has one only if its script is loaded.
func (n *node) hasBackend() bool {
	const dir = "policy/frameworks/cluster/backend/"
	return !n.version.atLeast(8, 1) || n.loadedShipped(n.scripts, dir+"broker", dir+"zeromq", dir+"zeromq/connect")
}

// zeroMQ tells whether the backend is ZeroMQ.
func (n *node) zeroMQ() bool {
	const dir = "policy/frameworks/cluster/backend/"
	return n.loadedShipped(n.scripts, dir+"zeromq", dir+"zeromq/connect")
}

func (n *node) checkInterface() error {
	name := n.iface
	if _, device, ok := strings.Cut(name, "::"); ok {
		name = device
	}
	if name == "" {
		return nil
	}
	if _, err := net.InterfaceByName(name); err != nil {
		return fatalf("problem with interface %s (pcap_error: No such device exists (pcap_activate))", n.iface)
	}
	fmt.Fprintf(n.err, "listening on %s\n\n", n.iface)
	return nil
}

// loop waits until a signal ends the node, or until it is time to crash.
func (n *node) loop(signals <-chan os.Signal) error {
	var crash <-chan time.Time
	if n.crashes {
		crash = time.After(n.crashAfter)
	}
	for {
		select {
		case <-crash:
			return n.crash()
		case err := <-n.failed:
			return err
		case sig := <-signals:
			n.status("TERMINATING", "termination_signal")
			if sig == syscall.SIGHUP || n.ignoreTerm {
				continue
			}
			fmt.Fprintf(n.err, "received termination signal\n")
			return n.rotateLogs()
		}
	}
}
