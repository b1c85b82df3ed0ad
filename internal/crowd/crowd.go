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

// Command is the first argument with which Start runs the program as a crowd.
const Command = "crowd-of-attackers"

// MainIfCalled runs the crowd and does not return, if Start or StartGreedy has
// started this process. Otherwise it does nothing.
func MainIfCalled() {
	if len(os.Args) != 7 || os.Args[1] != Command {
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
	io.Copy(io.Discard, os.Stdin) // returns when the program that started the crowd closes the pipe, or ends
	os.Exit(0)
}

// Crowd is a running attack.
type Crowd struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// Source is the address from which the attackers connect. Tests recognise the
// attackers by it.
const Source = "127.0.0.66"

// Start attacks a controller. peers and clients are the addresses of its Broker
// and its WebSocket listener. Some attackers pretend to be the agent victim. Start
// returns when the attack has begun. The attack lasts until Stop, or until ctx is
// done.
func Start(ctx context.Context, peers, clients string, victim mgmt.InstanceName) (*Crowd, error) {
	return start(ctx, peers, clients, string(victim), "siege")
}

// greedy is the last argument of the crowd that StartGreedy starts.
const greedy = "greedy"

// StartGreedy is Start with twenty clients only. Each client asks for the staged
// configuration a hundred times, leaves without waiting for the answers, and
// connects again.
func StartGreedy(ctx context.Context, clients string) (*Crowd, error) {
	return start(ctx, "", clients, "", greedy)
}

func start(ctx context.Context, peers, clients, victim, how string) (*Crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, Command, peers, clients, victim, Source, how)
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
