package daemon_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
	"github.com/zeekfleet/zeekfleet/node"
)

// TestMain lets the test binary be what the tests start: a launch helper, an
// embedded node, or a crowd of attackers.
func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	crowd.MainIfCalled()
	if len(os.Args) > 1 && os.Args[1] == "node" {
		os.Exit(nodeMain(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// Variables of nodes: a node can become another user, and give its agent, on that
// topic, the orders of a controller.
const (
	nodeUserEnv   = "DAEMON_TEST_USER"
	nodeOrdersEnv = "DAEMON_TEST_ORDERS"
)

// giveOrders tells an agent to run nothing.
func giveOrders(ctx context.Context, agent, topic string) {
	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		panic(err)
	}
	sub := endpoint.Subscribe(16, topic)
	defer sub.Close()
	go endpoint.Dial(ctx, agent, bus.DialConfig{})
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-sub.Events():
			if _, ok := ev.(bus.PeerAdded); ok {
				endpoint.Publish(topic, codec.Encode(mgmt.AgentDeployRequest{ReqID: "mine"}))
			}
		}
	}
}

// nodeMain is `zeekfleet node` as far as the shell can tell: it understands the
// arguments that Embedded passes. It does not listen, because two tests may use
// the same port.
func nodeMain(args []string) int {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	name := flags.String("name", "", "")
	agent := flags.String("agent", "", "")
	script := flags.String("script", "", "")
	flags.String("listen", "", "")
	flags.String("metrics-listen", "", "")
	flags.String("interface", "", "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *script != "" {
		fmt.Fprintf(os.Stderr, "fatal error: can't find %s\n", *script)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if user, err := strconv.Atoi(os.Getenv(nodeUserEnv)); err == nil {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if topic := os.Getenv(nodeOrdersEnv); topic != "" {
		go giveOrders(ctx, *agent, topic)
	}
	n, err := node.New(node.Config{Name: *name, Agent: *agent, Identifiers: map[string]any{
		"bits_per_uid": uint64(96),
		"connection":   node.Func(func(context.Context) (any, error) { return nil, node.ErrNoValue }),
	}})
	if err == nil {
		err = n.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
