package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// HelperCommand is the hidden command with which the program runs Helper.
const HelperCommand = "bench-helper"

// Helper is a process that a measurement needs and that is no daemon, such as the receiving
// end of a peering. It ends when ctx is done, or when what started it closes stdin.
func Helper(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, stdin) // the end of the process that started this one ends it, too
		cancel()
	}()
	helpers := map[string]func(ctx context.Context, args []string, stdout io.Writer) error{
		"sink": sink, "agents": hostAgents, "many-there": manyThere, "many-agents": runManyAgents,
	}
	if len(args) > 0 && helpers[args[0]] != nil {
		return helpers[args[0]](ctx, args[1:], stdout)
	}
	return fmt.Errorf("%s %q: only zeekfleet bench calls this command", HelperCommand, args)
}

// startHelper starts a process that runs Helper. It prints what is read.
func startHelper(ctx context.Context, dir string, args ...string) (*running, error) {
	cmd := command(ctx, filepath.Join(dir, "zeekfleet"), append([]string{HelperCommand}, args...)...)
	cmd.Stderr = os.Stderr
	var err error
	r := &running{cmd: cmd}
	if r.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.lines = bufio.NewReader(out)
	return r, cmd.Start()
}

// endHelper asks a helper to end, and waits until it has.
func (r *running) endHelper() error {
	r.stdin.Close()
	r.discard()
	<-r.discarded
	return r.cmd.Wait()
}
