package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// saveAgentState stores this configuration as the one that an agent should run.
func saveAgentState(t *testing.T, s store.Store, desired mgmt.Configuration) {
	t.Helper()
	if _, err := s.Save(t.Context(), agentChanges(desired), 0); err != nil {
		t.Fatal(err)
	}
}

// agentChanges store that an agent should run this.
func agentChanges(desired mgmt.Configuration) (changes []store.Change) {
	for _, c := range (agent.State{Desired: desired, Told: true}).Changes() {
		changes = append(changes, store.Change(c))
	}
	return changes
}

// forgetful reports the launches that were forgotten.
type forgetful struct {
	fakeProcesses
	forgotten chan proc.Record
}

func (f forgetful) Forget(name string, launch uint64) {
	f.forgotten <- proc.Record{Name: name, Launch: launch}
}

// If an agent is killed before it has recorded a crash, the next agent records it. The
// next agent finds the launch until it is forgotten.
func TestEndsAreForgottenOnceTheyAreRecorded(t *testing.T) {
	plan := launchtest.WorkerPlan(mgmt.Node{})
	rec := proc.Record{Name: "worker", Launch: 8, PID: 1001, Fingerprint: string(plan.Fingerprint()), Started: time.Now()}
	host := proctest.New(proctest.Config{
		Survivors: []proc.Record{rec},
		Found:     proc.Adoption{Ended: []proc.Exited{{Name: "worker", Launch: 7, PID: 1000}}},
	})
	crashes, err := crash.New(crash.Config{Dir: crash.Dir(t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	cluster := &testCluster{t: t, dir: t.TempDir()}
	saved := cluster.open("agent-sensor")
	saveAgentState(t, saved, launchtest.WorkerConfiguration(mgmt.Node{}))
	processes := forgetful{fakeProcesses{host}, make(chan proc.Record)}
	var log safeBuffer
	cluster.inBackground("agent-sensor", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:      agent.Config{Name: "agent-sensor"},
			Store:     saved,
			Broker:    listen(t),
			Processes: processes,
			Launch:    launch.Embedded{Program: os.Args[0], StateDir: cluster.dir},
			Crashes:   crashes,
			Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		})
	})
	var latest crash.Record
	forgotten := func(launch uint64) {
		t.Helper()
		if got := patience.Next(t, processes.forgotten, "a launch to be forgotten"); got.Name != "worker" || got.Launch != launch {
			t.Fatalf("forgot %+v, want launch %d", got, launch)
		}
		records, err := crashes.List("worker")
		if err != nil || len(records) == 0 || records[0].Launch != launch {
			t.Fatalf("launch %d is forgotten, and the crash records are %+v, %v", launch, records, err)
		}
		latest = records[0]
	}
	forgotten(7)
	host.Exit("worker", proc.Status{}, 4711, 4712)
	forgotten(8)
	if r := latest; r.Plan == nil || !r.Plan.Is(plan.Fingerprint()) {
		t.Errorf("the crash record has plan %+v, want the one by which the process was launched", r.Plan)
	}
	if !strings.Contains(log.String(), `node=worker pids="[4711 4712]"`) {
		t.Errorf("nobody was told of the processes that are left:\n%s", log.String())
	}
}

// safeBuffer is a buffer for a log that is read while it is written.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// If the kernel refuses a signal, the node's process still runs. The agent starts no
// other process of that node.
func TestNodeThatMayNotBeSignalledIsSaidToRunOn(t *testing.T) {
	host := proctest.New(proctest.Config{
		Survivors:   []proc.Record{{Name: "worker", Launch: 8, PID: 1001, Fingerprint: "of another plan", Started: time.Now()}},
		Untouchable: map[string]bool{"worker": true},
		OnStart: func(spec proc.Spec) error {
			if spec.Name == "worker" {
				t.Error("the node is started a second time")
			}
			return nil
		},
	})
	cluster := &testCluster{t: t, dir: t.TempDir()}
	saved := cluster.open("agent-sensor")
	saveAgentState(t, saved, launchtest.WorkerConfiguration(mgmt.Node{}))
	stuck := make(chan struct{})
	var log safeBuffer
	cluster.inBackground("agent-sensor", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:      agent.Config{Name: "agent-sensor"},
			Store:     saved,
			Broker:    listen(t),
			Processes: fakeProcesses{host},
			Launch:    launch.Embedded{Program: os.Args[0], StateDir: cluster.dir},
			OnChange: func(c mgmt.NotifyChange) {
				if c.Node.Name == "worker" && c.Old == mgmt.Pending && c.New == mgmt.Unknown {
					close(stuck)
				}
			},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
	})
	patience.Closed(t, stuck, "the node to be UNKNOWN")
	if want := "process 1001 of cluster node worker cannot be stopped and runs on: stop worker: send SIGTERM: operation not permitted"; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %q:\n%s", want, log.String())
	}
}

// A function that ignores its context stands for a system call to a disk that does not
// answer.
func TestBurialIsGivenUpWhenADiskDoesNotAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		takes time.Duration
		ends  bool
	}{
		"in time":                {time.Second, true},
		"when the context ended": {12 * time.Second, true},
		"too late":               {20 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begin := time.Now()
				ends := daemon.EndsInTime(ctx, 5*time.Second, func() { time.Sleep(tt.takes) })
				if took := time.Since(begin); ends != tt.ends || took != min(tt.takes, 15*time.Second) {
					t.Errorf("got %v after %v", ends, took)
				}
				time.Sleep(tt.takes) // until the function has ended
			})
		})
	}
}
