package live_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// deployment is a deployment to n nodes: the first ones failed, then some are done, then
// some run, and the others wait. Every fifth node stays as it is.
func deployment(n, failed, done, running int) api.Operation {
	o := api.Operation{
		ID: 7, Kind: api.KindDeploy, State: api.OperationRunning, Who: "ann", Note: "a script for the new interface", Begun: noon,
		From: 11, Revision: 12, Doing: "waiting for the nodes to be RUNNING",
	}
	for i := range n {
		s := api.OperationStep{
			Instance: fmt.Sprintf("sensor-%d", i%4+1), Node: fmt.Sprintf("worker-%03d", i+1), Action: api.ActionRestart,
			State: api.StepWaiting, Because: "script /etc/zeek/local.zeek was added",
		}
		switch {
		case i < failed:
			s.State, s.Error = api.StepFailed, "exited with status 1 after 3 starts within a minute"
			s.Stderr = "fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar\n\x1b[31mand more\n\n"
		case i < failed+done:
			s.State = api.StepDone
			if i%5 == 0 {
				s.Action, s.Because = api.ActionNone, ""
			}
		case i < failed+done+running:
			s.State = api.StepRunning
		}
		o.Steps = append(o.Steps, s)
	}
	return o
}

func ended(o api.Operation, state, failure string) api.Operation {
	o.State, o.Error, o.Ended, o.Doing = state, failure, o.Begun.Add(14200*time.Millisecond), ""
	steps := o.Steps
	o.Steps = nil
	for _, s := range steps {
		switch {
		case state == api.OperationDone && s.State != api.StepDone:
			s.State = api.StepDone
		case s.State == api.StepWaiting:
			s.State = api.StepSkipped
		}
		o.Steps = append(o.Steps, s)
	}
	return o
}

// updated returns the model after messages.
func updated(m live.Model, msgs ...tea.Msg) live.Model {
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m = next.(live.Model)
	}
	return m
}

func key(name rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: name, Text: string(name)} }

// TestView draws operations on screens of several sizes. No view has more lines or columns
// than its screen.
func TestView(t *testing.T) {
	down := func(n int) []tea.Msg {
		var keys []tea.Msg
		for range n {
			keys = append(keys, tea.KeyPressMsg{Code: tea.KeyDown})
		}
		return keys
	}
	rolling := deployment(6, 0, 2, 1)
	rolling.Kind, rolling.Batch, rolling.Note, rolling.Selectors = api.KindRestart, 1, "", []string{"@workers"}
	rollback := deployment(2, 0, 0, 0)
	rollback.Kind, rollback.Of = api.KindRollback, 9
	rollback.Steps = append(rollback.Steps, api.OperationStep{Instance: "sensor-9", Action: api.ActionNone, State: api.StepFailed, Error: "instance 'sensor-9' is not connected"})
	for name, tt := range map[string]struct {
		op   api.Operation
		msgs []tea.Msg
	}{
		"begins":                 {api.Operation{ID: 7, Kind: api.KindDeploy, State: api.OperationRunning, Who: "ann", Begun: noon, Doing: "preflight of all hosts"}, nil},
		"forty":                  {deployment(40, 1, 17, 3), nil},
		"forty, scrolled":        {deployment(40, 1, 17, 3), down(10)},
		"forty, at the end":      {deployment(40, 1, 17, 3), []tea.Msg{key('G')}},
		"forty, up again":        {deployment(40, 1, 17, 3), []tea.Msg{key('G'), key('g')}},
		"a thousand":             {deployment(1000, 30, 500, 40), nil},
		"rolling":                {rolling, nil},
		"rollback":               {rollback, nil},
		"the controller is away": {deployment(4, 0, 1, 1), []tea.Msg{live.Away{Why: "connection refused"}}},
		"the controller is back": {deployment(4, 0, 1, 1), []tea.Msg{live.Away{Why: "connection refused"}, live.Changed{Operation: deployment(4, 0, 2, 1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			for _, size := range [][2]int{{80, 24}, {200, 50}, {40, 10}} {
				m := live.NewModel(show.Screen{Terminal: true}, tt.op, noon)
				m = updated(m, tea.WindowSizeMsg{Width: size[0], Height: size[1]}, live.Tick{Now: noon.Add(12 * time.Second)})
				m = updated(m, tt.msgs...)
				text := m.Text()
				lines := strings.Split(text, "\n")
				if len(lines) >= size[1] {
					t.Errorf("%v: %d lines", size, len(lines))
				}
				for _, line := range lines {
					if w := show.WidthOf(line); w > size[0] {
						t.Errorf("%v: a line of %d columns: %s", size, w, line)
					}
				}
				fmt.Fprintf(&all, "== %d×%d ==\n%s\n", size[0], size[1], text)
			}
			golden.Check(t, filepath.Join("testdata", "view", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".txt"), all.String(), *update)
		})
	}
}

// TestKeys: the keys that leave end the view, and say so; others do not.
func TestKeys(t *testing.T) {
	for name, msg := range map[string]tea.Msg{
		"q": key('q'), "Ctrl-C": tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}, "Escape": tea.KeyPressMsg{Code: tea.KeyEscape}, "an interrupt": tea.InterruptMsg{},
	} {
		m, cmd := live.NewModel(show.Screen{}, deployment(3, 0, 0, 0), noon).Update(msg)
		if !m.(live.Model).Left() || m.(live.Model).Text() != "" || cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not leave", name)
		}
	}
	for name, msg := range map[string]tea.Msg{
		"the end": live.Changed{Operation: ended(deployment(3, 0, 3, 0), api.OperationDone, "")}, "nothing more": live.Ended{},
	} {
		m, cmd := live.NewModel(show.Screen{}, deployment(3, 0, 0, 0), noon).Update(msg)
		if m.(live.Model).Left() || m.(live.Model).Text() != "" || cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not end the view", name)
		}
	}
	if m := updated(live.NewModel(show.Screen{}, deployment(3, 0, 0, 0), noon), key('x')); m.Left() || m.Text() == "" {
		t.Error("any key leaves")
	}
}

// TestSummary prints how operations have ended.
func TestSummary(t *testing.T) {
	taken := ended(deployment(3, 1, 2, 0), api.OperationFailed, "a node failed")
	taken.RevertedBy = 8
	watched := ended(deployment(3, 1, 2, 0), api.OperationFailed, "a node failed")
	watched.RevertAt = time.Date(2026, 3, 1, 12, 5, 0, 0, time.Local)
	rolling := ended(deployment(6, 1, 2, 0), api.OperationFailed, "worker-001 did not come up")
	rolling.Kind, rolling.Batch = api.KindRestart, 2
	interrupted := ended(deployment(6, 0, 2, 1), api.OperationInterrupted, "the controller ended meanwhile")
	interrupted.Kind, interrupted.Batch = api.KindRestart, 1
	rollback := ended(deployment(6, 0, 6, 0), api.OperationDone, "")
	rollback.Kind, rollback.Of = api.KindRollback, 9
	stop := ended(deployment(2, 0, 2, 0), api.OperationDone, "")
	stop.Kind = api.KindStop
	for i := range stop.Steps {
		stop.Steps[i].Action = api.ActionStop
	}
	away := ended(deployment(3, 0, 3, 0), api.OperationDone, "")
	away.Kind, away.Steps = api.KindStop, away.Steps[len(away.Steps)-3:]
	for i := range away.Steps {
		away.Steps[i].Action = api.ActionStop
		if i > 0 {
			away.Steps[i].State, away.Steps[i].Because = api.StepSkipped, "instance 'sensor-2' is not connected; it stops the node when it connects"
		}
	}
	silent := ended(deployment(1, 1, 0, 0), api.OperationFailed, "")
	silent.Steps[0].Error, silent.Steps[0].Stderr, silent.From = "", "", 0
	partly := ended(deployment(3, 0, 3, 0), api.OperationDone, "")
	partly.Steps = append(partly.Steps[len(partly.Steps)-3:], api.OperationStep{
		Instance: "sensor-22", Action: api.ActionNone, State: api.StepSkipped,
		Error: "instance 'sensor-22' is not connected (did you mean 'sensor-2'?); it gets its nodes when it connects: worker-4, worker-5",
	})
	mistyped := ended(deployment(1, 0, 0, 0), api.OperationFailed, "2 of 2 results are failures; the first: instance sensor-22: instance 'sensor-22' is not connected (did you mean 'sensor-2'?)")
	mistyped.Steps = []api.OperationStep{{
		Instance: "sensor-22", Action: api.ActionNone, State: api.StepFailed, Error: "instance 'sensor-22' is not connected (did you mean 'sensor-2'?)",
	}}
	refused := api.Operation{ID: 7, Kind: api.KindDeploy, State: api.OperationFailed, From: 11, Begun: noon, Ended: noon, Error: "the preflight of sensor-1 found: port 2200 is taken"}
	various := ended(deployment(40, 12, 17, 0), api.OperationFailed, "")
	for i := range various.Steps {
		if s := &various.Steps[i]; s.State == api.StepFailed {
			s.Error = fmt.Sprintf("exited with status %d", i)
		}
	}
	for name, o := range map[string]api.Operation{
		"various": various, "partly": partly, "mistyped": mistyped, "done": ended(deployment(40, 0, 40, 0), api.OperationDone, ""), "failed": ended(deployment(40, 2, 17, 3), api.OperationFailed, "2 nodes did not come up"),
		"many failed": ended(deployment(40, 12, 17, 0), api.OperationFailed, ""), "taken back": taken, "watched": watched,
		"rolling": rolling, "interrupted": interrupted, "rollback": rollback, "stop": stop, "away": away, "silent": silent, "refused": refused,
		"still runs": deployment(3, 0, 1, 0),
	} {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			for _, width := range []int{80, 200} {
				fmt.Fprintf(&all, "== %d ==\n%s", width, live.Summary(o).Text(show.Screen{Terminal: true, Width: width}))
			}
			golden.Check(t, filepath.Join("testdata", "summary", strings.ReplaceAll(name, " ", "-")+".txt"), all.String(), *update)
		})
	}
}

var errAway = errors.New("connection refused")

// told returns a Watch that tells the given operations, one call after the other. An error
// among them ends a call.
func told(calls ...[]any) func(context.Context, uint64) iter.Seq2[api.Operation, error] {
	return func(ctx context.Context, _ uint64) iter.Seq2[api.Operation, error] {
		var now []any
		if len(calls) > 0 {
			now, calls = calls[0], calls[1:]
		}
		return func(yield func(api.Operation, error) bool) {
			for _, one := range now {
				switch one := one.(type) {
				case api.Operation:
					if !yield(one, nil) {
						return
					}
				case error:
					yield(api.Operation{}, one)
					return
				case func():
					one()
				}
			}
		}
	}
}

// TestLines: where nothing is drawn, there is a line for each step. A controller that is
// away for a while is asked again.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		start := time.Now()
		f := live.Follower{
			Say: func(line string) { said = append(said, line) }, IsAway: func(err error) bool { return errors.Is(err, errAway) },
			Watch: told([]any{deployment(4, 0, 1, 1), errAway}, []any{errAway}, []any{ended(deployment(4, 1, 3, 0), api.OperationFailed, "1 node failed")}),
		}
		o, err := f.Follow(t.Context(), deployment(4, 0, 0, 0), noon)
		if err != nil || o.State != api.OperationFailed {
			t.Fatalf("got %s, %v", o.State, err)
		}
		want := []string{
			`Operation 7: deploy, by ann: "a script for the new interface"`,
			"waiting for the nodes to be RUNNING",
			"the controller does not answer, and the operation goes on: connection refused",
			"the controller does not answer, and the operation goes on: connection refused",
			"worker-001 FAILED (1 of 4): exited with status 1 after 3 starts within a minute",
			"worker-002 restarted (2 of 4)", "worker-003 restarted (3 of 4)", "worker-004 restarted (4 of 4)",
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Error(diff)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestFollowEndsWithAnOperationThatIsOverAtOnce: the end may be told just when the drawing
// begins, and each time the follower must come back.
func TestFollowEndsWithAnOperationThatIsOverAtOnce(t *testing.T) {
	over := ended(deployment(1, 0, 1, 0), api.OperationDone, "")
	f := live.Follower{Output: show.Settings{Out: io.Discard, Screen: show.Screen{Terminal: true, Width: 80, Height: 24}}}
	came := make(chan struct{})
	go func() {
		defer close(came)
		for range 20_000 {
			f.Watch = told([]any{over})
			if o, err := f.Follow(t.Context(), deployment(1, 0, 0, 0), noon); err != nil || !o.Ends() {
				t.Errorf("got %s, %v", o.State, err)
			}
		}
	}()
	patience.Closed(t, came, "the end of every operation")
}

// TestFollowEnds: each way in which following ends.
func TestFollowEnds(t *testing.T) {
	refused := errors.New("user \"guest\" may not do this")
	for name, tt := range map[string]struct {
		calls [][]any
		want  string
	}{
		"a refusal":        {[][]any{{deployment(1, 0, 0, 0), refused}}, refused.Error()},
		"nothing is told":  {[][]any{{}}, "the controller no longer tells of operation 7"},
		"it is forgotten":  {[][]any{{errAway}, {}}, "the controller no longer tells of operation 7"},
		"it ends normally": {[][]any{{ended(deployment(1, 0, 1, 0), api.OperationDone, "")}}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := live.Follower{Say: func(string) {}, IsAway: func(err error) bool { return errors.Is(err, errAway) }, Watch: told(tt.calls...)}
			_, err := f.Follow(t.Context(), deployment(1, 0, 0, 0), noon)
			if text := fmt.Sprint(err); err == nil && tt.want != "" || err != nil && text != tt.want {
				t.Errorf("%s: got %v, want %q", name, err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := live.Follower{Say: func(string) {}, IsAway: func(error) bool { return true }, Watch: told([]any{deployment(1, 0, 0, 0), func() { cancel() }, errAway})}
	if o, err := f.Follow(ctx, deployment(1, 0, 0, 0), noon); err != nil || o.Ends() {
		t.Errorf("interrupted: got %s, %v", o.State, err)
	}
	if o, err := f.Follow(t.Context(), ended(deployment(1, 0, 1, 0), api.OperationDone, ""), noon); err != nil || !o.Ends() {
		t.Errorf("an operation that has ended: got %s, %v", o.State, err)
	}
}
