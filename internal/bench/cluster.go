package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
)

// binary returns the path of the program that is measured.
func binary(_ context.Context, dir string) (string, error) {
	return filepath.Join(dir, "zeekfleet"), nil
}

// running is a zeekfleet process whose output is read line by line.
type running struct {
	cmd   *exec.Cmd
	lines *bufio.Reader
	stdin io.Closer // of helpers
	// discarded is closed when the lines have ended. It is nil until discard was called.
	discarded chan struct{}
}

// embeddedNodes is the environment variable of agents that launch embedded nodes
// and no Zeek.
const embeddedNodes = "ZEEKFLEET_NODE_KIND=embedded"

// everywhere is the environment of all processes. Nodes end with their agents, so that none is
// left behind, and their ports are not those of a cluster that serves on this host. What takes
// long on a busy machine is measured, not cut off.
var everywhere = []string{
	"ZEEKFLEET_CONTROLLER_DEPLOY_TIMEOUT=60s", "ZEEKFLEET_AGENT_DEPLOY_TIMEOUT=50s",
	"ZEEKFLEET_STOP_NODES=always", "ZEEKFLEET_AUTO_ASSIGN_BROKER_START_PORT=12200", "ZEEKFLEET_AUTO_ASSIGN_METRICS_START_PORT=19000",
}

// start starts the program. Its nodes are embedded ones, even if a Zeek is
// installed, because the figures are about this program.
func start(ctx context.Context, stderr bool, program string, args ...string) (*running, error) {
	return startWith(ctx, []string{embeddedNodes}, stderr, program, args...)
}

// command is a process that is asked to end when ctx is done, and killed if it does not.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// startWith starts the program with env added to the environment. The caller
// chooses the kind of nodes. The stream that is read is stderr or stdout.
func startWith(ctx context.Context, env []string, stderr bool, program string, args ...string) (*running, error) {
	cmd := command(ctx, program, args...)
	cmd.Env = append(append(os.Environ(), everywhere...), env...)
	pipe := cmd.StdoutPipe
	if stderr {
		pipe = cmd.StderrPipe
	}
	out, err := pipe()
	if err != nil {
		return nil, err
	}
	return &running{cmd: cmd, lines: bufio.NewReader(out)}, cmd.Start()
}

// await reads lines until pattern matches one, and returns its submatches. If none does, its error
// has the last line: that is where a process says why it ends.
func (r *running) await(pattern string) ([]string, error) {
	re := regexp.MustCompile(pattern)
	last := "nothing"
	for {
		line, err := r.lines.ReadString('\n')
		if m := re.FindStringSubmatch(line); m != nil {
			return m, nil
		}
		if text := strings.TrimSpace(line); text != "" && !strings.HasSuffix(text, " --help") { // where to read about its flags
			last = text
		}
		if err != nil {
			return nil, fmt.Errorf("%s did not say %q: its last line was: %s: %w", strings.Join(r.cmd.Args[:min(2, len(r.cmd.Args))], " "), pattern, last, err)
		}
	}
}

// discard reads the lines that come, so that the process never waits for a reader. Nobody may
// read lines after it.
func (r *running) discard() {
	if r.discarded != nil {
		return
	}
	r.discarded = make(chan struct{})
	go func() {
		defer close(r.discarded)
		io.Copy(io.Discard, r.lines)
	}()
}

// stop ends the process and waits until it has.
func (r *running) stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	r.discard()
	<-r.discarded // when the process ends
	return r.cmd.Wait()
}

// resident returns the process's resident memory in MB.
func (r *running) resident() (float64, error) { return r.memory("VmRSS") }

// memory returns a line of the process's status in MB: VmRSS is its resident memory,
// VmHWM the most that it has had.
func (r *running) memory(line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no %s in /proc", line)
	}
	kibibytes, err := strconv.ParseFloat(string(m[1]), 64)
	return kibibytes * 1024 / 1e6, err
}

// processes are a controller, an agent and the agent's nodes, each a process of
// its own, and a client of the controller.
type processes struct {
	program           string
	controller, agent *running
	peers, clients    string // the controller's addresses
	client            *client.Client
}

// startProcesses starts a controller, an agent, four nodes and a client. Their
// state is in the directory name below dir.
func startProcesses(ctx context.Context, dir, name string) (*processes, error) {
	p, err := startDaemons(ctx, dir, name, embeddedNodes)
	if err != nil {
		return p, err
	}
	if err := deploy(ctx, p.client, fourNodes("agent")); err != nil {
		return p, errors.Join(err, p.stop())
	}
	return p, nil
}

// startDaemons starts a controller, an agent and a client, with env added to their
// environment. Their state is in the directory name below dir.
func startDaemons(ctx context.Context, dir, name string, env ...string) (p *processes, err error) {
	return startDaemonsOf(ctx, dir, dir, name, env...)
}

// startDaemonsOf is startDaemons with an agent whose program and state are below another directory.
func startDaemonsOf(ctx context.Context, dir, agentDir, name string, env ...string) (p *processes, err error) {
	p = new(processes)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.program, err = binary(ctx, dir); err != nil {
		return p, err
	}
	state := filepath.Join(dir, name)
	p.controller, err = startWith(ctx, env, true, p.program, "controller", "--state-dir", state, "--name", "controller",
		"--listen-port", "0", "--websocket-port", "0")
	if err != nil {
		return p, err
	}
	addresses, err := p.controller.await(`msg="controller is live".* broker=(\S+) websocket=(\S+)`)
	if err != nil {
		return p, err
	}
	p.peers, p.clients = addresses[1], addresses[2]
	if p.agent, err = startAgent(ctx, agentDir, name, "agent", p.peers, env...); err != nil {
		return p, err
	}
	if !slices.Contains(env, embeddedNodes) {
		if _, err := p.agent.await(`msg="the scripts that all nodes have load"`); err != nil {
			return p, err
		}
	}
	p.controller.discard()
	p.agent.discard()
	p.client, err = client.Dial(ctx, client.Config{Address: p.clients})
	return p, err
}

// startAgent starts an agent of a controller, and returns when it serves. Its state is in the
// directory name below dir. What it returns with an error is to be stopped, unless it is nil.
func startAgent(ctx context.Context, dir, name, agent, controller string, env ...string) (*running, error) {
	program, err := binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(controller)
	if err != nil {
		return nil, err
	}
	r, err := startWith(ctx, env, true, program, "agent", "--state-dir", filepath.Join(dir, name), "--name", agent, "--listen-port", "0",
		"--controller-port", port)
	if err != nil {
		return nil, err
	}
	_, err = r.await(`msg="agent is live"`)
	return r, err
}

// stop ends the processes that have been started.
func (p *processes) stop() error {
	var errs []error
	if p.client != nil {
		p.client.Close()
	}
	for _, r := range []*running{p.agent, p.controller} {
		if r != nil {
			errs = append(errs, r.stop())
		}
	}
	return errors.Join(errs...)
}

func deploy(ctx context.Context, c *client.Client, config client.Configuration) error {
	results, err := c.Stage(ctx, config)
	if err == nil {
		var deployed []client.Result
		deployed, err = c.Deploy(ctx)
		results = append(results, deployed...)
	}
	for _, r := range results {
		if !r.Success {
			err = errors.Join(err, fmt.Errorf("deploy: %s %s %s", r.Instance, r.Node, r.Error))
		}
	}
	return err
}

// stopNodes deploys an empty configuration and waits until no node runs. It tries
// again if the deployment fails, because attackers deploy at the same time.
func stopNodes(ctx context.Context, c *client.Client) error {
	none := client.Configuration{ID: "none"}
	err := deploy(ctx, c, none)
	for range 100 {
		if err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
		err = deploy(ctx, c, none)
	}
	if err != nil {
		return err
	}
	for range 100 {
		results, err := c.GetNodes(ctx)
		if err != nil {
			return err
		}
		left := 0
		for _, r := range results {
			nodes, _ := r.Data.(client.NodeStatuses)
			for _, n := range nodes {
				if n.ClusterRole != client.ClusterNone {
					left++
				}
			}
		}
		if left == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("nodes did not stop within 10 s")
}

func fourNodes(instance client.InstanceName) client.Configuration {
	c := client.Configuration{
		ID:        "four",
		Instances: []client.Instance{{Name: instance, Host: client.UnknownHost}},
	}
	for name, role := range map[client.NodeName]client.ClusterRole{
		"manager": client.Manager, "logger": client.Logger, "worker-1": client.Worker, "worker-2": client.Worker,
	} {
		c.Nodes = append(c.Nodes, client.Node{Name: name, Instance: instance, Role: role, State: client.Running})
	}
	return c
}
