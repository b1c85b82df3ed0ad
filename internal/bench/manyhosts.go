package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The figure has two networks of its own: the controllers are on one host, with an address
// each, and the agents are on another one, with an address each. So the controllers know
// nothing of the agents but what their certificates say, as with agents on hosts of their own.
// It takes root.

// The addresses of the two networks. Agent n has the n-th address of manyNet.
const (
	manyHubs   = "192.0.2."
	manyRouter = "192.0.2.100"
	manyNet    = "10.77.0.0/16"
)

// agentAddress returns the address of an agent.
func agentAddress(n int) string { return fmt.Sprintf("10.77.%d.%d", n>>8, n&0xff) }

// many returns the measurement of three controllers with agents, all of which are connected with
// all three.
func many(n int) func(context.Context, string) ([]figure, error) {
	return func(ctx context.Context, dir string) ([]figure, error) {
		if os.Geteuid() != 0 {
			return nil, errors.New("many agents have networks of their own here, which takes root")
		}
		ctx, cancel := context.WithTimeoutCause(ctx, manyLongest, errors.New("many agents take too long"))
		defer cancel()
		cmd := command(ctx, "unshare", "--net", filepath.Join(dir, "zeekfleet"), HelperCommand, "many-there", strconv.Itoa(n), dir)
		in, err := cmd.StdinPipe() // its end ends the process
		if err != nil {
			return nil, err
		}
		defer in.Close()
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		var figures []figure
		var list []manyFigure
		if bad := json.Unmarshal(out, &list); bad != nil && err == nil {
			err = bad
		}
		for _, f := range list {
			figures = append(figures, figure{what: f.What, value: f.Value, unit: f.Unit, missing: f.Missing})
		}
		return figures, err
	}
}

// manyFigure is a figure on its way from the network of the controllers.
type manyFigure struct {
	What, Missing string
	Value         float64
	Unit          string
}

// manyLongest bounds the whole measurement.
const manyLongest = 20 * time.Minute

// manyThere measures in the network of the controllers, and writes the figures to out. The
// arguments are the number of agents, and a directory.
func manyThere(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("the arguments are a number and a directory")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	figures, err := newMultitude(n, args[1]).measure(ctx)
	if err != nil {
		return err
	}
	var list []manyFigure
	for _, f := range figures {
		list = append(list, manyFigure{f.what, f.missing, f.value, f.unit})
	}
	return json.NewEncoder(out).Encode(list)
}

// lay makes the network of the agents. It ends with the process that it returns.
func (m *multitude) lay(ctx context.Context) error {
	holder := exec.Command("unshare", "--net", "sh", "-c", "echo ready && exec cat")
	in, err := holder.StdinPipe()
	if err != nil {
		return err
	}
	ready, err := holder.StdoutPipe()
	if err != nil {
		return err
	}
	if err := holder.Start(); err != nil {
		return err
	}
	m.cable, m.ends = holder, in
	if _, err := ready.Read(make([]byte, 8)); err != nil {
		return err
	}
	var here strings.Builder
	here.WriteString(fmt.Sprintf("ip link set lo up && ip link add agents type veth peer name hubs netns %d && ip link set agents up", holder.Process.Pid))
	for i := range manyControllers {
		here.WriteString(fmt.Sprintf(" && ip address add %s%d/24 dev agents", manyHubs, i+1))
	}
	there := fmt.Sprintf("ip link set lo up && ip address add %s/24 dev hubs && ip link set hubs up && ip route add local %s dev lo", manyRouter, manyNet)
	if err := shell(ctx, here.String()); err != nil {
		return err
	}
	if err := shell(ctx, m.there("sh", "-c", there)...); err != nil {
		return err
	}
	return shell(ctx, "ip route add "+manyNet+" via "+manyRouter)
}

// there returns a command for the network of the agents.
func (m *multitude) there(args ...string) []string {
	return append([]string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", m.cable.Process.Pid)}, args...)
}

// shell runs a command, or a line of the shell.
func shell(ctx context.Context, line ...string) error {
	if len(line) == 1 {
		line = []string{"sh", "-c", line[0]}
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%q: %w: %s", line, err, said.String())
	}
	return nil
}
