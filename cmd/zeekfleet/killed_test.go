package main

import (
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// killedOperation is an operation during which the controller or an agent is killed.
type killedOperation struct {
	*fleet
	// The nodes' processes, the deployed revision, the history, and the number of the latest
	// event before the operation.
	pids     map[string]int64
	revision uint64
	history  []api.Revision
	seq      uint64
}

// TestKilledAtEachStepOfAnOperation kills the controller, and an agent, each time that
// an operation shows another state over the API. Afterwards the operation has gone on,
// or says what was done; a restart can be resumed; what was due is taken back; the
// history is right; and no node was restarted more often than the operation says.
func TestKilledAtEachStepOfAnOperation(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(f *fleet) (api.Operation, error)
		check func(k *killedOperation, o api.Operation)
	}{
		{"rolling restart", rollingRestart, (*killedOperation).restarted},
		{"rollback", rollback, (*killedOperation).rolledBack},
		{"deployment that is taken back", failing, (*killedOperation).takenBack},
	} {
		for _, victim := range []string{"controller", "left"} {
			t.Run(c.name+", "+victim, func(t *testing.T) {
				t.Parallel()
				f := runFleet(t, "ZEEKFLEET_NODE_KIND=zeek", "ZEEKFLEET_BACKOFF_GIVE_UP=1", "ZEEKFLEET_BACKOFF_RETRY=10m")
				for step, more := 1, true; more; step++ {
					f.deploy(three())
					f.deploy(three("ROUND=2"))
					k := &killedOperation{fleet: f, seq: f.lastEvent(), pids: f.up()}
					k.history = f.revisions()
					k.revision = k.history[0].Revision
					o, err := c.begin(f)
					if err != nil {
						t.Fatal(err)
					}
					more = f.killAt(o.ID, step, victim)
					f.start(victim)
					o = f.ended(o.ID)
					t.Logf("killed at %d: %s: %s, error %q, revision %d, %+v", step, o.Kind, o.State, o.Error, o.Revision, o.Counts)
					c.check(k, o)
				}
			})
		}
	}
}

// three is a configuration with three nodes, which take a while to start. env is that of
// the workers.
func three(env ...string) api.Cluster {
	const start = "FAKEZEEK_START=100ms"
	env = append(env, start)
	return twoInstances(configured("manager", "left", "MANAGER", start), configured("worker-1", "left", "WORKER", env...), configured("worker-2", "right", "WORKER", env...))
}

func rollingRestart(f *fleet) (api.Operation, error) {
	return f.client.Operate(f.Context(), api.OperateRequest{Kind: api.KindRestart, Rolling: true, Batch: 1})
}

func rollback(f *fleet) (api.Operation, error) {
	return f.client.Deploy(f.Context(), api.DeployRequest{Revision: f.revisions()[1].Revision, Note: "back"})
}

// failing deploys a node that ends when it starts.
func failing(f *fleet) (api.Operation, error) {
	config := three("ROUND=2")
	config.Nodes[1].Env["FAKEZEEK_FATAL"] = "it cannot"
	return f.client.Deploy(f.Context(), api.DeployRequest{Configuration: &config, RevertAfter: 600})
}

// killAt kills a daemon when an operation shows its nth state. It returns false if there
// was no such state: then the daemon is killed after the operation's end.
func (f *fleet) killAt(id uint64, nth int, victim string) bool {
	f.Helper()
	seen := 0
	for _, err := range f.client.Follow(f.Context(), id) {
		if err != nil {
			f.Fatal(err)
		}
		if seen++; seen == nth {
			f.kill(victim)
			return true
		}
	}
	f.kill(victim)
	return false
}

func (f *fleet) revisions() []api.Revision {
	f.Helper()
	all, err := f.client.Revisions(f.Context(), api.RevisionQuery{})
	if err != nil {
		f.Fatal(err)
	}
	deployed := all[:0]
	for _, r := range all {
		if r.State != api.Staged {
			deployed = append(deployed, r)
		}
	}
	return deployed
}

// starts returns how many processes each node got since the operation began.
func (k *killedOperation) starts() map[string]int {
	seen, counts := map[string]bool{}, map[string]int{}
	for _, e := range k.events(k.seq) {
		key := fmt.Sprint(e.Node, e.PID)
		if e.Kind == api.EventNode && e.PID != 0 && e.PID != k.pids[e.Node] && !seen[key] {
			seen[key] = true
			counts[e.Node]++
		}
	}
	return counts
}

// restarted checks a rolling restart. It goes on if it has not ended well.
func (k *killedOperation) restarted(o api.Operation) {
	k.Helper()
	tries, done := map[string]int{}, map[string]bool{}
	for round := 1; ; round++ {
		now := k.up()
		for _, s := range o.Steps {
			if done[s.Node] {
				k.Errorf("operation %d: %s was done before", o.ID, s.Node)
			}
			done[s.Node] = s.State == api.StepDone
			switch s.State {
			case api.StepDone:
				tries[s.Node]++
				if now[s.Node] == k.pids[s.Node] {
					k.Errorf("operation %d: %s is done, but has its old process", o.ID, s.Node)
				}
			case api.StepFailed: // it was begun
				tries[s.Node]++
			case api.StepSkipped:
				if round == 1 && now[s.Node] != k.pids[s.Node] {
					k.Errorf("operation %d: %s is skipped, but has another process", o.ID, s.Node)
				}
			}
		}
		if o.State == api.OperationDone {
			break
		}
		next, err := k.client.Operate(k.Context(), api.OperateRequest{Kind: api.KindRestart, Resumes: o.ID})
		if err != nil || round > 3 {
			k.Fatalf("operation %d: %s (%s): resume: %v", o.ID, o.State, o.Error, err)
		}
		o = k.ended(next.ID)
	}
	for n, starts := range k.starts() {
		if starts > tries[n] {
			k.Errorf("%s was started %d times, but tried %d times", n, starts, tries[n])
		}
	}
	for n, pid := range k.up() {
		if pid == k.pids[n] {
			k.Errorf("%s was not restarted", n)
		}
	}
	k.sameHistory() // a restart deploys nothing
}

// sameHistory checks that nothing was deployed.
func (k *killedOperation) sameHistory() {
	k.Helper()
	if now := k.revisions(); len(now) != len(k.history) || now[0].Revision != k.revision {
		k.Errorf("history %+v, was %+v", now, k.history)
	}
}

// rolledBack checks a rollback. It is asked for again if it has deployed nothing.
func (k *killedOperation) rolledBack(o api.Operation) {
	k.Helper()
	if o.Revision == 0 {
		k.sameHistory()
		for n, pid := range k.up() {
			if pid != k.pids[n] {
				k.Errorf("nothing was deployed, but %s was restarted", n)
			}
		}
		again, err := rollback(k.fleet)
		if err != nil {
			k.Fatal(err)
		}
		if o = k.ended(again.ID); o.State != api.OperationDone {
			k.Fatalf("a second rollback: %+v", o)
		}
	}
	now := k.revisions()
	if len(now) != len(k.history)+1 || now[0].Revision != o.Revision || now[0].Kind != api.KindRollback || now[0].Of != k.history[1].Revision || now[0].Operation != o.ID {
		k.Errorf("history %+v, was %+v", now, k.history)
	}
	k.changed("worker-1", "worker-2")
}

// changed checks that exactly these nodes were restarted, once.
func (k *killedOperation) changed(nodes ...string) {
	k.Helper()
	k.await("the changed nodes have other processes", func() error {
		now, err := k.running(k.Context())
		for _, n := range nodes {
			if err == nil && now[n] == k.pids[n] {
				err = fmt.Errorf("%s has its old process", n)
			}
		}
		return err
	})
	want := map[string]int{}
	for _, n := range nodes {
		want[n] = 1
	}
	var got map[string]int
	// An agent tells of a start a moment after it answers that the process runs.
	k.await("each start is told", func() error {
		got = k.starts()
		for _, n := range nodes {
			if got[n] == 0 {
				return fmt.Errorf("no start of %s, but %v", n, got)
			}
		}
		return nil
	})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		k.Errorf("nodes were started so often: %v, want %v", got, want)
	}
}

// takenBack checks a deployment that fails.
func (k *killedOperation) takenBack(o api.Operation) {
	k.Helper()
	if o.Revision == 0 {
		k.sameHistory()
		k.up()
		return
	}
	now := k.revisions()
	if len(now) != len(k.history)+2 || now[0].Kind != api.KindRevert || now[0].Of != k.revision || now[1].Revision != o.Revision {
		k.Errorf("history %+v, was %+v", now, k.history)
	}
	by := k.ended(o.RevertedBy)
	if o.State != api.OperationFailed || by.Reverts != o.ID || by.Revision != now[0].Revision {
		k.Errorf("deployment %+v, taken back by %+v", o, by)
	}
	pids := k.up()
	for _, n := range []string{"manager", "worker-2"} {
		if pids[n] != k.pids[n] {
			k.Errorf("%s was restarted, and nothing has changed for it", n)
		}
	}
}
