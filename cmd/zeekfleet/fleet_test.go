package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// fleet is a controller and the agents of two instances, left and right. Each is a process.
type fleet struct {
	*testing.T
	script  *script // finds the processes that belong to the fleet
	env     []string
	args    map[string][]string
	daemons map[string]*scriptProcess
	client  *api.Client
}

// runFleet starts a fleet. It ends with the test, with all its nodes.
func runFleet(t *testing.T, env ...string) *fleet {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	port := func(i int) string { return strconv.Itoa(int(ports.At(i))) }
	f := &fleet{T: t, script: &script{dir: dir, ports: ports}, daemons: map[string]*scriptProcess{}}
	f.env = append(os.Environ(), "WORK="+dir, "GORACE=atexit_sleep_ms=0", "ZEEK_DEFAULT_CONNECT_RETRY=50ms", "ZEEK_CONTROLLER_PORT="+port(1),
		"ZEEKFLEET_AUTO_ASSIGN_BROKER_START_PORT="+port(10), "ZEEKFLEET_AUTO_ASSIGN_METRICS_START_PORT="+port(30))
	f.env = append(f.env, env...)
	f.args = map[string][]string{
		"controller": {"controller", "--websocket-port", port(2), "--state-dir", filepath.Join(dir, "controller")},
		"left":       {"agent", "--name", "left", "--listen-port", port(3), "--state-dir", filepath.Join(dir, "left")},
		"right":      {"agent", "--name", "right", "--listen-port", port(4), "--state-dir", filepath.Join(dir, "right")},
	}
	if f.client, err = api.New(api.Config{Address: "127.0.0.1:" + port(2)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.end)
	for name := range f.args {
		f.start(name)
	}
	f.await("both agents are connected", func() error {
		s, err := f.client.Status(t.Context())
		if err == nil && s.Instances.Newcomer != 2 {
			err = fmt.Errorf("%+v", s.Instances)
		}
		return err
	})
	return f
}

// start starts a daemon with the state of its earlier processes.
func (f *fleet) start(name string) {
	f.Helper()
	d := &scriptProcess{cmd: exec.Command("zeekfleet", f.args[name]...), out: &output{grown: make(chan struct{}, 1)}, done: make(chan struct{})}
	d.cmd.Env, d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = f.env, f.script.dir, d.out, d.out
	d.cmd.WaitDelay = time.Second
	if err := d.cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.daemons[name] = d
	go func() {
		defer close(d.done)
		d.cmd.Wait() // the ProcessState holds the exit status
	}()
}

// kill ends a daemon by SIGKILL.
func (f *fleet) kill(name string) {
	d := f.daemons[name]
	d.cmd.Process.Kill()
	<-d.done
	delete(f.daemons, name)
}

// end ends all processes of the fleet.
func (f *fleet) end() {
	f.client.Close()
	for _, name := range slices.Sorted(maps.Keys(f.daemons)) {
		d := f.daemons[name]
		f.kill(name)
		if f.Failed() {
			f.Logf("%s printed:\n%v", name, d.out)
		}
	}
	for _, pid := range f.script.processes() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	f.await("nothing of the fleet lives", func() error { // or writes into the directory that is removed next
		if left := f.script.processes(); len(left) > 0 {
			return fmt.Errorf("processes %v", left)
		}
		return nil
	})
	f.script.ports.Close()
}

// await calls right until it returns no error.
func (f *fleet) await(what string, right func() error) {
	f.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		err := right()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			f.Fatalf("not within %v: %s: %v", patience, what, err)
		}
	}
}

// deploy deploys a configuration, and waits until its nodes are up.
func (f *fleet) deploy(config api.Cluster) api.Operation {
	f.Helper()
	o, err := f.client.Deploy(f.Context(), api.DeployRequest{Configuration: &config})
	if err != nil {
		f.Fatal(err)
	}
	if o = f.ended(o.ID); o.State != api.OperationDone {
		f.Fatalf("deployment: %+v", o)
	}
	f.up()
	return o
}

// ended waits until an operation has ended.
func (f *fleet) ended(id uint64) (last api.Operation) {
	f.Helper()
	f.await(fmt.Sprintf("operation %d ends", id), func() error {
		for o, err := range f.client.Follow(f.Context(), id) {
			if err != nil {
				return err
			}
			last = o
		}
		return nil
	})
	return last
}

// up waits until exactly the nodes of the deployed configuration are RUNNING, each in one
// process, and nothing else of the fleet runs. It returns the PIDs.
func (f *fleet) up() map[string]int64 {
	f.Helper()
	var pids map[string]int64
	f.await("exactly the deployed nodes run", func() (err error) {
		pids, err = f.running(f.Context())
		return err
	})
	return pids
}

func (f *fleet) running(ctx context.Context) (map[string]int64, error) {
	config, err := f.client.Configuration(ctx, api.Deployed)
	if err != nil {
		return nil, err
	}
	conn, err := client.Dial(ctx, client.Config{Address: f.client.Address(), Attempts: 1})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	results, err := conn.GetNodes(ctx) // asks the agents
	if err != nil {
		return nil, err
	}
	alive := map[int64]bool{}
	for _, pid := range f.script.processes() {
		alive[int64(pid)] = true
	}
	for _, d := range f.daemons {
		delete(alive, int64(d.cmd.Process.Pid))
	}
	pids := map[string]int64{}
	for _, r := range results {
		statuses, _ := r.Data.(client.NodeStatuses)
		for _, n := range statuses {
			switch {
			case n.ClusterRole == client.ClusterNone:
				continue // a daemon
			case n.State != client.Running || n.PID == nil || !alive[*n.PID]:
				return nil, fmt.Errorf("node %+v, processes %v", n, alive)
			}
			delete(alive, *n.PID)
			pids[string(n.Node)] = *n.PID
		}
	}
	if len(alive) > 0 || len(pids) != len(config.Nodes) {
		return nil, fmt.Errorf("other processes are %v, nodes are %v", alive, pids)
	}
	return pids, nil
}

// events returns what has happened after an event.
func (f *fleet) events(after uint64) []api.Event {
	f.Helper()
	events, err := f.client.Events(f.Context(), api.EventQuery{After: after, Limit: 1000})
	if err != nil || len(events) == 1000 {
		f.Fatalf("%d events, %v", len(events), err)
	}
	return events
}

// lastEvent returns the number of the latest event.
func (f *fleet) lastEvent() uint64 {
	f.Helper()
	events, err := f.client.Events(f.Context(), api.EventQuery{Limit: 1})
	if err != nil || len(events) != 1 {
		f.Fatalf("%d events, %v", len(events), err)
	}
	return events[0].Seq
}

// configured returns a node of a configuration. Its environment is text like A=b.
func configured(name, instance, role string, env ...string) api.ConfiguredNode {
	n := api.ConfiguredNode{Name: name, Instance: instance, Role: role, Env: map[string]string{}}
	for _, text := range env {
		key, value, _ := strings.Cut(text, "=")
		n.Env[key] = value
	}
	return n
}

// twoInstances returns a configuration with these nodes.
func twoInstances(nodes ...api.ConfiguredNode) api.Cluster {
	return api.Cluster{Hosts: []api.ConfiguredHost{{Name: "left"}, {Name: "right"}}, Nodes: nodes}
}
