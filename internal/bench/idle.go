package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
)

const (
	// idleSettle is how long processes are left alone before it is measured what they cost:
	// what starts is not idle.
	idleSettle = 3 * time.Second
	idleFor    = 10 * time.Second
	// idleBudget is the share of a processor that an idle process may use, in per cent.
	idleBudget = 1
)

// idle measures what processes cost while nobody asks for anything: a controller with an agent
// and four nodes, and beside them three controllers that share their state.
func idle(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startProcesses(ctx, dir, "idle")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	watching := []watched{
		{"idle, 1 agent, 4 nodes: controller", p.controller, idleBudget},
		{"idle, 1 agent, 4 nodes: agent", p.agent, idleBudget},
	}
	three, err := startTrio(ctx, dir)
	defer func() { err = errors.Join(err, three.stop()) }()
	if err != nil {
		figures = append(figures, figure{what: "idle, three controllers", missing: oneLine(err.Error())})
		err = nil
	} else {
		watching = append(watching,
			watched{"idle, three controllers: that which leads", three.controllers[0], idleBudget},
			watched{"idle, three controllers: one that follows", three.controllers[1], idleBudget})
	}
	if err := pause.For(ctx, idleSettle); err != nil {
		return nil, err
	}
	costs, err := watch(ctx, idleFor, watching...)
	if err != nil {
		return nil, err
	}
	figures = append(figures, costs...)
	counted, err := p.countGoroutines(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, counted.figures("idle, 1 agent, 4 nodes")...)
	for _, w := range watching[2:] {
		resident, err := w.process.resident()
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{what: w.what + ": resident memory", value: resident, unit: "MB"})
	}
	return figures, nil
}

// trio are three controllers that share their state. The first one leads.
type trio struct {
	program     string
	dir         string
	ports       []string // of each controller: for agents, for clients, for the others
	controllers []*running
}

// startTrio starts three controllers, and waits until all of them have a vote. What it
// returns is to be stopped even after an error.
func startTrio(ctx context.Context, dir string) (t *trio, err error) {
	t = &trio{dir: filepath.Join(dir, "trio")}
	if t.program, err = binary(ctx, dir); err != nil {
		return t, err
	}
	if t.ports, err = freePorts(9); err != nil {
		return t, err
	}
	for i := range 3 {
		if i > 0 {
			if err := t.join(ctx, i); err != nil {
				return t, err
			}
		}
		r, err := start(ctx, true, t.program, append([]string{"controller", "--cluster"}, t.flags(i)...)...)
		if err != nil {
			return t, err
		}
		t.controllers = append(t.controllers, r)
		serves := `msg="controller is live"`
		if i > 0 {
			serves = `msg="who leads has changed"` // so it has found the others
		}
		if _, err := r.await(serves); err != nil {
			return t, err
		}
		r.discard()
	}
	return t, t.await(ctx)
}

// freePorts returns ports of 127.0.0.1 that are free now.
func freePorts(n int) (ports []string, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // when all ports are chosen, so that they differ
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

func (t *trio) flags(i int) []string {
	name := fmt.Sprint("c-", i+1)
	return []string{
		"--name", name, "--state-dir", filepath.Join(t.dir, name), "--listen-address", "127.0.0.1", "--advertise", "127.0.0.1",
		"--listen-port", t.ports[3*i], "--websocket-port", t.ports[3*i+1], "--peer-port", t.ports[3*i+2],
	}
}

func (t *trio) first() string { return net.JoinHostPort("127.0.0.1", t.ports[1]) }

// join makes a controller a member.
func (t *trio) join(ctx context.Context, i int) error {
	line, err := exec.CommandContext(ctx, t.program, "token", "create", "--for-controller", fmt.Sprint("c-", i+1), "--controller", t.first()).Output()
	if err != nil {
		return fmt.Errorf("token create --for-controller: %w", err)
	}
	args := strings.Fields(string(line))
	if len(args) < 2 {
		return fmt.Errorf("token create --for-controller printed %q", line)
	}
	// The line names the controller, and so do the flags.
	args = append(args[1:4:4], append(args[6:], t.flags(i)...)...)
	if out, err := exec.CommandContext(ctx, t.program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("controller join: %w: %s", err, out)
	}
	return nil
}

// await waits until all controllers have a vote.
func (t *trio) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("three controllers have not got a vote each within a minute"))
	defer cancel()
	for {
		text, err := exec.CommandContext(ctx, t.program, "controllers", "-o", "json", "--controller", t.first()).Output()
		var list struct{ Members []struct{ Role string } }
		if err == nil && json.Unmarshal(text, &list) == nil {
			voters := 0
			for _, m := range list.Members {
				if m.Role == "leader" || m.Role == "follower" {
					voters++
				}
			}
			if voters == 3 {
				return nil
			}
		}
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (t *trio) stop() error {
	var errs []error
	for _, r := range t.controllers {
		errs = append(errs, r.stop())
	}
	return errors.Join(errs...)
}
