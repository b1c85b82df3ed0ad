package proctest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
)

// processes has the methods of a Host that package daemon uses.
type processes interface {
	Adopt(context.Context) (proc.Adoption, error)
	Start(proc.Spec) error
	Stop(name string, launch uint64, grace time.Duration) error
	Forget(name string, launch uint64)
	Events() <-chan proc.Event
}

var (
	_ processes = (*proc.Host)(nil)
	_ processes = (*proctest.Host)(nil)
)

func TestHost(t *testing.T) {
	worker := proc.Spec{Name: "worker-1", Launch: 1, Fingerprint: "plan"}
	started := proc.Started{Name: "worker-1", Launch: 1, PID: 1001}
	exited := func(status proc.Status, ran time.Duration, killed bool) proc.Exited {
		return proc.Exited{
			Name: "worker-1", Launch: 1, PID: 1001, Fingerprint: "plan",
			Status: status, Ran: ran, Killed: killed,
		}
	}
	killed := proc.Status{Known: true, Signal: unix.SIGKILL}

	tests := map[string]struct {
		cfg  proctest.Config
		when func(*proctest.Host) error
		want []proc.Event
	}{
		"a node starts and exits": {
			when: func(h *proctest.Host) error {
				err := h.Start(worker)
				time.Sleep(time.Minute)
				h.Exit("worker-1", proc.Status{Known: true, Code: 1})
				return err
			},
			want: []proc.Event{started, exited(proc.Status{Known: true, Code: 1}, time.Minute, false)},
		},
		"a node that stops": {
			when: func(h *proctest.Host) error {
				return errors.Join(h.Start(worker), h.Stop("worker-1", 1, time.Minute))
			},
			want: []proc.Event{started, exited(proc.Status{Known: true}, 0, false)},
		},
		"a deaf node is killed when its grace is over": {
			cfg: proctest.Config{Deaf: map[string]bool{"worker-1": true}},
			when: func(h *proctest.Host) error {
				return errors.Join(h.Start(worker), h.Stop("worker-1", 1, time.Minute))
			},
			want: []proc.Event{started, exited(killed, time.Minute, true)},
		},
		"the status of a survivor is unknown": {
			cfg: proctest.Config{Survivors: []proc.Record{{Name: "worker-1", Launch: 1, PID: 1001, Fingerprint: "plan", Started: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}}},
			when: func(h *proctest.Host) error {
				_, err := h.Adopt(context.Background())
				return errors.Join(err, h.Stop("worker-1", 1, time.Minute))
			},
			want: []proc.Event{exited(proc.Status{}, 0, false)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := proctest.New(tt.cfg)
				if err := tt.when(h); err != nil {
					t.Fatal(err)
				}
				var got []proc.Event
				for range tt.want {
					got = append(got, <-h.Events())
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if left := h.Running(); len(left) > 0 {
					t.Errorf("running: %v", left)
				}
			})
		})
	}
}

func TestErrorOfOnStartIsReportedAsStartFailed(t *testing.T) {
	because := errors.New("no such program")
	h := proctest.New(proctest.Config{OnStart: func(proc.Spec) error { return because }})
	if err := h.Start(proc.Spec{Name: "worker-1", Launch: 3}); err != nil {
		t.Fatal(err)
	}
	got, ok := patience.Next(t, h.Events(), "a failure").(proc.StartFailed)
	if !ok || got.Name != "worker-1" || got.Launch != 3 || !errors.Is(got.Err, because) {
		t.Errorf("got %+v, want StartFailed with %v", got, because)
	}
}
