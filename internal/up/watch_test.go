package up

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// newWatcher returns a watcher that begins now and writes its messages to said.
func newWatcher(nodes func(context.Context) ([]client.Result, error), v *view, said io.Writer) *watcher {
	return &watcher{
		cfg:     Config{Began: time.Now(), Crashes: "zeekfleet crashes", Err: said},
		logger:  slog.New(slog.DiscardHandler),
		changed: make(chan struct{}, 1),
		nodes:   nodes,
		view:    v,
		ends:    endings{},
	}
}

func TestUpRefreshesAgainAfterAFailedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var refreshes []time.Duration
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		nodes := func(context.Context) ([]client.Result, error) {
			refreshes = append(refreshes, time.Since(began))
			switch len(refreshes) {
			case 1:
				return nil, errors.New("connection lost")
			case 2:
				return []client.Result{{Error: "no instances connected"}}, nil
			}
			cancel()
			return []client.Result{{Success: true, Data: client.NodeStatuses{{Node: "w", State: client.Running, ClusterRole: client.Worker}}}}, nil
		}
		d := &deployment{background: &background{ended: make(chan struct{})}}
		if err := newWatcher(nodes, newView(&out), &out).watch(ctx, d); err != nil {
			t.Errorf("watch: %v", err)
		}
		if len(refreshes) != 3 || refreshes[1] != refreshPause || refreshes[2] != 2*refreshPause || out.String() != "w worker RUNNING\n" {
			t.Errorf("refreshed after %v and showed %q", refreshes, out.String())
		}
	})
}

func TestUpRefreshesAgainUntilEveryNodeRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var refreshes []time.Duration
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		// A node that is stopping ends without a change of its state.
		nodes := func(context.Context) ([]client.Result, error) {
			refreshes = append(refreshes, time.Since(began))
			if len(refreshes) > 2 {
				return []client.Result{{Success: true, Data: client.NodeStatuses{}}}, nil
			}
			return []client.Result{{Success: true, Data: client.NodeStatuses{{Node: "w", State: client.Stopped, ClusterRole: client.Worker}}}}, nil
		}
		d := &deployment{background: &background{ended: make(chan struct{})}}
		if err := newWatcher(nodes, newView(&out), &out).watch(ctx, d); err != nil {
			t.Errorf("watch: %v", err)
		}
		if want := []time.Duration{0, refreshPause, 2 * refreshPause}; !slices.Equal(refreshes, want) {
			t.Errorf("refreshed after %v, want %v", refreshes, want)
		}
	})
}

func TestUpSaysWhatFailedBetweenTheDrawings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer // both streams lead to it
		ctx, cancel := context.WithCancel(t.Context())
		d := &deployment{background: &background{ended: make(chan struct{})}}
		refreshes := 0
		nodes := func(context.Context) ([]client.Result, error) {
			switch refreshes++; refreshes {
			case 1:
				d.notes = []string{"node w: exit code 1"}
				close(d.ended)
			case 2:
				cancel()
			}
			return []client.Result{{Success: true, Data: client.NodeStatuses{{Node: "w", State: client.Crashed, ClusterRole: client.Worker}}}}, nil
		}
		view := &view{out: &terminal, size: func() (int, int) { return 80, 24 }}
		if err := newWatcher(nodes, view, &terminal).watch(ctx, d); err != nil {
			t.Errorf("watch: %v", err)
		}
		const table = "NODE  ROLE    STATE    PID  PORT\nw     worker  CRASHED  -    -\n"
		if want := table + "\x1b[2A\x1b[J" + "zeekfleet: node w: exit code 1\n" + table; terminal.String() != want {
			t.Errorf("on the terminal:\n got %q\nwant %q", terminal.String(), want)
		}
	})
}

func TestUpDrawsWithinTheTerminal(t *testing.T) {
	running := func(name client.NodeName, role client.ClusterRole) client.NodeStatus {
		return client.NodeStatus{Node: name, State: client.Running, ClusterRole: role}
	}
	small := client.NodeStatuses{running("manager", client.Manager), running("w", client.Worker)}
	for name, tt := range map[string]struct {
		columns, lines int
		nodes          client.NodeStatuses
		say            string
		want           string // the second drawing
	}{
		"a line is drawn anew for each that there is": {
			columns: 80, lines: 24, nodes: small, say: "2 nodes running\n",
			want: "\x1b[4A\x1b[J" +
				"NODE     ROLE     STATE    PID  PORT\nmanager  manager  RUNNING  -    -\nw        worker   RUNNING  -    -\n2 nodes running\n",
		},
		"rows are cut where they would wrap": {
			columns: 20, lines: 24, nodes: small,
			want: "\x1b[3A\x1b[J" +
				"NODE     ROLE     ST\nmanager  manager  RU\nw        worker   RU\n",
		},
		"what was said wraps": {
			columns: 34, lines: 24, nodes: small, say: "2 nodes running after 0.10 s. In another\n",
			want: "\x1b[5A\x1b[J" +
				"NODE     ROLE     STATE    PID  PO\nmanager  manager  RUNNING  -    -\nw        worker   RUNNING  -    -\n" +
				"2 nodes running after 0.10 s. In another\n",
		},
		"of more nodes than fit those are shown that do not run": {
			columns: 80, lines: 4, nodes: append(small[:2:2], client.NodeStatus{Node: "x", State: client.Failed, ClusterRole: client.Worker}),
			want: "\x1b[3A\x1b[J" +
				"NODE  ROLE    STATE   PID  PORT\nx     worker  FAILED  -    -\n2 of 3 nodes running\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			view := &view{out: &out, size: func() (int, int) { return tt.columns, tt.lines }}
			results := []client.Result{{Success: true, Data: tt.nodes}}
			view.show(results)
			if tt.say != "" {
				view.say(tt.say)
			}
			out.Reset()
			view.show(results)
			if out.String() != tt.want {
				t.Errorf("drew\n%q\nwant\n%q", out.String(), tt.want)
			}
		})
	}
}

func TestUpCountsNodesThatComeLater(t *testing.T) {
	status := func(name client.NodeName, state client.State) client.NodeStatus {
		return client.NodeStatus{Node: name, State: state, ClusterRole: client.Worker}
	}
	const table = "NODE  ROLE    STATE    PID  PORT\na     worker  RUNNING  -    -\n"
	for name, tt := range map[string]struct {
		columns int // 0: no terminal
		want    []string
	}{
		"on a terminal the line is drawn anew": {80, []string{
			table + "1 node running after 0.10 s.\nTry:\n",
			table + "b     worker  PENDING  -    -\n1 of 2 nodes running.\nTry:\n",
			table + "b     worker  RUNNING  -    -\n2 nodes running.\nTry:\n",
			table + "b     worker  RUNNING  -    -\n2 nodes running.\nTry:\n",
		}},
		"elsewhere another follows": {0, []string{
			"a worker RUNNING\n1 node running after 0.10 s.\nTry:\n", "b worker PENDING\n1 of 2 nodes running.\n", "b worker RUNNING\n2 nodes running.\n", "",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			view := &view{out: &out, size: func() (int, int) { return tt.columns, 24 }}
			for i, nodes := range []client.NodeStatuses{
				{status("a", client.Running)},
				{status("a", client.Running), status("b", client.Pending)},
				{status("a", client.Running), status("b", client.Running)},
				{status("a", client.Running), status("b", client.Running)},
			} {
				out.Reset()
				view.show([]client.Result{{Success: true, Data: nodes}})
				if i == 0 {
					view.announce(1, 100*time.Millisecond)
					view.say("Try:\n")
				}
				_, drawn, cleared := strings.Cut(out.String(), "\x1b[J")
				if !cleared {
					drawn = out.String()
				}
				if drawn != tt.want[i] {
					t.Errorf("look %d shows\n%q\nwant\n%q", i, drawn, tt.want[i])
				}
			}
		})
	}
}

func TestFailuresOfADeployment(t *testing.T) {
	got := failures([]client.Result{
		{Success: true, Node: "a"},
		{Node: "w", Instance: "i", Error: "exit code 1", Data: client.NodeOutputs{Stderr: "fatal error in x.zeek, line 1:\r\n\x1b[31msyntax error\n"}},
		{Instance: "i", Error: "preflight failed, nothing was changed; node v: no room"},
		{Node: "v", Instance: "i", Error: "no room"}, // the text above has this text
		{},
	})
	want := []string{
		"node w: exit code 1; it printed:\n  fatal error in x.zeek, line 1:\n  ?[31msyntax error",
		"instance i: preflight failed, nothing was changed; node v: no room",
		"no reason given",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// ending is an interrupted cluster with two nodes that do not end.
func ending(out *bytes.Buffer) *cluster {
	return &cluster{cfg: Config{Err: out}, living: func() ([]proc.Record, error) {
		return []proc.Record{{Name: "worker-2", PID: 4712}, {Name: "worker-1", PID: 4711}}, nil
	}}
}

func TestUpNamesTheNodesItWaitsForAndAfterASecondInterruptThoseLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		signals := make(chan os.Signal, 1)
		began := time.Now()
		signals <- os.Interrupt // the first signal again, to the process group
		time.AfterFunc(3*time.Second, func() { signals <- os.Interrupt })
		err := ending(&out).awaitEnd(make(chan struct{}), signals)
		if err == nil || !strings.Contains(err.Error(), "still running: worker-1 (PID 4711), worker-2 (PID 4712); kill them") {
			t.Errorf("got %v", err)
		}
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("gave up after %v, want 3s", got)
		}
		if want := "zeekfleet: waiting for the end of worker-1 (PID 4711), worker-2 (PID 4712); a node is killed 5s after it was asked to end"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("said %q, want %q", out.String(), want)
		}
	})
}

func TestUpThatEndsAtOnceSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ended := make(chan struct{})
		time.AfterFunc(sayAfter/2, func() { close(ended) })
		if err := ending(&out).awaitEnd(ended, nil); err != nil || out.Len() > 0 {
			t.Errorf("got %v, said %q", err, out.String())
		}
	})
}
