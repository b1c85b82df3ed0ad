package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// commands measures how long commands take from their start to their end, and how long
// daemons take to serve.
func commands(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startProcesses(ctx, dir, "commands")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	link := filepath.Join(dir, "zeek-client")
	if err := os.Symlink(p.program, link); err != nil {
		return nil, err
	}
	for _, c := range []struct {
		what   string
		args   []string
		budget float64
	}{
		{"zeekfleet get-nodes, from start to end", []string{p.program, "--controller", p.clients, "get-nodes"}, 15},
		{"zeek-client get-nodes, from start to end", []string{link, "--controller", p.clients, "get-nodes"}, 15},
		{"zeekfleet status, from start to end", []string{p.program, "status", "--controller", p.clients}, 15},
		{"zeekfleet version, from start to end", []string{p.program, "version"}, 15},
	} {
		took, err := commandTimes(ctx, 100, c.args...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, times(c.what, took, 0, c.budget, 0))
	}
	starts, err := startTimes(ctx, dir)
	return append(figures, starts...), err
}

// commandTimes returns the wall times of a command.
func commandTimes(ctx context.Context, rounds int, args ...string) (took []time.Duration, err error) {
	for range rounds {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%v: %w", args[1:], err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// startTimes measures how long a controller and an agent take from their start until they
// serve, both with a state directory that they have used before.
func startTimes(ctx context.Context, dir string) ([]figure, error) {
	var controllers, agents []time.Duration
	for i := range 11 {
		took, err := startPair(ctx, dir)
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first one makes the directories
			controllers, agents = append(controllers, took[0]), append(agents, took[1])
		}
	}
	return []figure{
		times("a controller starts, until it serves", controllers, 0, 0, 0),
		times("an agent starts, until it serves", agents, 0, 0, 0),
	}, nil
}

// startPair starts a controller and an agent, and ends them.
func startPair(ctx context.Context, dir string) (took [2]time.Duration, err error) {
	began := time.Now()
	p, between, err := startTimed(ctx, dir, "starts")
	if err != nil {
		return took, err
	}
	took = [2]time.Duration{between.Sub(began), time.Since(between)}
	return took, p.stop()
}

// startTimed is startDaemons without a client. It returns when the controller served.
func startTimed(ctx context.Context, dir, name string) (p *processes, served time.Time, err error) {
	p = new(processes)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.controller, p.peers, p.clients, err = startController(ctx, dir, name); err != nil {
		return p, served, err
	}
	served = time.Now()
	p.agent, err = startAgent(ctx, dir, name, "agent", p.peers, embeddedNodes)
	return p, served, err
}

// upTime measures the time from `zeekfleet up` to four running nodes.
func upTime(ctx context.Context, dir string) ([]figure, error) {
	program, err := binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range 7 {
		began := time.Now()
		up, err := start(ctx, false, program, "up", "--state-dir", filepath.Join(dir, fmt.Sprint("up", i)),
			"--controller-port", "0", "--websocket-port", "0", "--agent-port", "0")
		if err != nil {
			return nil, err
		}
		_, err = up.await(`^4 nodes running`)
		took = append(took, time.Since(began))
		if err := errors.Join(err, up.stop()); err != nil {
			return nil, err
		}
	}
	return []figure{times("zeekfleet up, until four nodes are RUNNING", took, 0, 200, 0)}, nil
}
