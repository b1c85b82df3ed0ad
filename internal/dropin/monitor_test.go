package dropin_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/dropin"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// until is an output that calls then, which may be nil, when it has as many lines with word.
type until struct {
	word  string
	lines int
	then  func()

	mu   sync.Mutex
	text bytes.Buffer
}

func (u *until) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text.Write(p)
	if u.then != nil && u.lines > 0 && strings.Count(u.text.String(), u.word) >= u.lines {
		u.then()
	}
	return len(p), nil
}

func TestMonitorConnectsAgain(t *testing.T) {
	controller := &replay.Controller{
		Sends: []string{replay.Message(mgmt.GetNodesRequest{ReqID: "r"})}, Leaves: 2,
	}
	controller.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout := &until{word: "received \"", lines: 3, then: cancel}
	var stderr bytes.Buffer
	status := dropin.Run(ctx, []string{"--controller", controller.Address, "monitor"}, dropin.Host{
		Stdout: stdout, Stderr: &stderr, LookupEnv: func(string) (string, bool) { return "", false },
	})
	if status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %s", status, &stderr)
	}
	const event = `received "Management::Controller::API::get_nodes_request(reqid: string)"` + "\n"
	if got := stdout.text.String(); strings.Count(got, event) != 3 || strings.Count(got, "no response received: unexpected error with controller ") != 2 {
		t.Errorf("printed:\n%s", got)
	}
}

func TestMonitorEndsIfTheControllerIsGone(t *testing.T) {
	ports, err := porttest.Reserve() // nobody else listens when the controller has gone
	if err != nil {
		t.Fatal(err)
	}
	defer ports.Close()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports.Next()))
	if err != nil {
		t.Fatal(err)
	}
	controller := &replay.Controller{Leaves: 1, Listener: ln}
	controller.Start(t)
	var stderr bytes.Buffer
	// The controller goes away for good once the client has left it.
	gone := &until{word: "no response", lines: 1, then: controller.Stop}
	status := dropin.Run(t.Context(), []string{
		"--controller", controller.Address, "--set", "client.peering_attempts=2", "--set", "client.peering_retry_delay_secs=1", "monitor", // the delay bounds each attempt, too
	}, dropin.Host{Stdout: gone, Stderr: &stderr, LookupEnv: func(string) (string, bool) { return "", false }})
	want := "error: websocket connection to " + controller.Address + " timed out in connect()\n"
	if status != 1 || stderr.String() != want {
		t.Errorf("status %d, stdout %s, stderr %q, want %q", status, &gone.text, &stderr, want)
	}
}
