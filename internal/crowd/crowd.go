package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// command is the first argument of a program that is to be a crowd.
const command = "crowd-of-attackers"

// MainIfCalled is the crowd's process, and does not return, if this program was
// started by Start. Otherwise it does nothing.
func MainIfCalled() {
	if len(os.Args) != 7 || os.Args[1] != command {
		return
	}
	if err := syscall.Setpriority(syscall.PRIO_PGRP, 0, 19); err != nil {
		fmt.Fprintln(os.Stderr, "crowd: lower the priority:", err)
		os.Exit(1)
	}
	c := crowd{peers: os.Args[2], clients: os.Args[3], victim: mgmt.InstanceName(os.Args[4])}
	c.dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(os.Args[5])}
	behave := c.siege
	if os.Args[6] == greedy {
		behave = c.greed
	}
	c.attack(behave())
	fmt.Println("attacking")
	io.Copy(io.Discard, os.Stdin) // it ends with whoever holds the other end
	os.Exit(0)
}

// Crowd is a running attack.
type Crowd struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// Source is the address that the attackers have: tests tell them by it.
const Source = "127.0.0.66"

// Start attacks the controller whose Broker and WebSocket listeners have the
// addresses peers and clients, in the name of the agent victim among others, and
// returns when the attack has begun. It lasts until Stop, or until ctx is done.
func Start(ctx context.Context, peers, clients string, victim mgmt.InstanceName) (*Crowd, error) {
	return start(ctx, peers, clients, string(victim), "siege")
}

// greedy is the last argument of a crowd that StartGreedy has started.
const greedy = "greedy"

// StartGreedy is Start for twenty clients alone, who ask for the staged
// configuration a hundred times, do not wait for answers, and come again.
func StartGreedy(ctx context.Context, clients string) (*Crowd, error) {
	return start(ctx, "", clients, "", greedy)
}

func start(ctx context.Context, peers, clients, victim, how string) (*Crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, command, peers, clients, victim, Source, how)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a priority of its own
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &Crowd{cmd, stdin}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		c.Stop()
		return nil, fmt.Errorf("crowd does not attack: %w", errors.Join(err, context.Cause(ctx)))
	}
	return c, nil
}

// Stop ends the attack.
func (c *Crowd) Stop() {
	c.stdin.Close()
	c.cmd.Process.Kill()
	c.cmd.Wait()
}
