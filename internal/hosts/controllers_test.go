package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rounds is how often each fault is tried. The documented figures have ten of each:
// go test ./internal/hosts -run ControllersSurvive -timeout 30m -args -rounds 10
var rounds = flag.Int("rounds", 1, "how often each fault of a controller is tried")

// backWithin is the time after which another controller must have answered a change, after a
// fault of the one that led. It is judged with -rounds 10 and more, on a quiet machine. A
// machine that is busy with other tests may take longer.
const backWithin = 5 * time.Second

// pause is how long a controller is paused.
const pause = 10 * time.Second

// manyTokens is how many tokens the load leaves. A cluster has a limit.
const manyTokens = 200

// The addresses of the controllers, the sensors and the operator's host.
var trioAddrs = map[string]string{
	"c-1": "192.0.2.11", "c-2": "192.0.2.12", "c-3": "192.0.2.13", "s-1": "192.0.2.21", "s-2": "192.0.2.22", "ops": "192.0.2.31",
}

// trio is a fleet with three controllers and two sensors.
type trio struct {
	t      *testing.T
	hosts  map[string]*host
	cables map[string]*cable
	// controllers are the lines with which they are started, by name.
	controllers map[string]string
}

// newTrio makes one controller that shares its state, lets two others join while the first one
// serves, and lets two sensors join and an operator log in.
func newTrio(t *testing.T) *trio {
	t.Helper()
	f := &trio{t: t, controllers: map[string]string{}}
	f.hosts, f.cables = newCabledHosts(t, trioAddrs)
	for _, name := range []string{"c-1", "c-2", "c-3"} {
		f.hosts[name].mountDisk()
		f.hosts[name].useClock()
	}
	for _, name := range []string{"c-1", "c-2", "c-3"} {
		flags := " --name " + name + " --listen-address " + trioAddrs[name]
		f.controllers[name] = "zeekfleet controller --cluster" + flags
		if name != "c-1" {
			line := strings.TrimSpace(f.hosts["c-1"].run("zeekfleet token create --for-controller " + name))
			f.hosts[name].run(line + flags)
		}
		f.hosts[name].start(f.controllers[name])
		f.await(name+" answers", func() bool { _, err := f.hosts[name].try("zeekfleet status"); return err == nil })
	}
	f.await("three controllers have a vote", func() bool {
		list, err := f.report("c-1")
		return err == nil && len(list.Members) == 3 && !slices.ContainsFunc(list.Members, func(m memberOf) bool { return m.Role != "leader" && m.Role != "follower" })
	})
	for _, name := range []string{"s-1", "s-2"} {
		f.hosts[name].start(strings.TrimSpace(f.hosts["c-1"].run("zeekfleet token create " + name)))
	}
	f.hosts["ops"].run(f.hosts["c-2"].run("zeekfleet user add ann --role admin"))
	f.await("both sensors are connected", func() bool {
		var status struct{ Instances struct{ Total int } }
		out, err := f.hosts["ops"].try("zeekfleet status -o json")
		if err != nil {
			f.t.Fatal(err)
		}
		return json.Unmarshal([]byte(out), &status) == nil && status.Instances.Total == 2
	})
	return f
}

// memberOf is a controller in the output of zeekfleet controllers.
type memberOf struct{ Name, Role, Version, Err string }

// reportOf is the output of zeekfleet controllers.
type reportOf struct {
	Term    uint64
	Leader  string
	Members []memberOf
}

// report asks a controller, on its own host, who the controllers are.
func (f *trio) report(name string) (r reportOf, err error) {
	out, err := f.hosts[name].try("zeekfleet controllers -o json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &r)
	}
	return r, err
}

// try runs a command, and returns its standard output. Its error has what was printed.
func (h *host) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(h.t.Context(), recovery)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := h.command(line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	stop := context.AfterFunc(ctx, func() {
		if cmd.Process != nil {
			cmd.Process.Kill()
		}
	})
	defer stop()
	if err := h.ns.in(cmd.Run); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", line, err, errs.String())
	}
	return out.String(), nil
}

// await waits until right returns true.
func (f *trio) await(what string, right func() bool) {
	f.t.Helper()
	began := time.Now()
	for !right() {
		if time.Since(began) > recovery {
			f.t.Fatalf("not within %v: %s", recovery, what)
		}
		time.Sleep(pollInterval)
	}
	f.t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
}

// leader returns the controller that leads, as all that are asked agree.
func (f *trio) leader() string {
	f.t.Helper()
	var leader string
	f.await("all controllers agree on one that leads", func() bool {
		f.supervise()
		seen := map[string]bool{}
		for name := range f.controllers {
			r, err := f.report(name)
			if err != nil || slices.ContainsFunc(r.Members, func(m memberOf) bool { return m.Err != "" }) {
				return false
			}
			seen[r.Leader], leader = true, r.Leader
		}
		return len(seen) == 1 && leader != ""
	})
	return leader
}

// load is what users and nodes do all the time.
type load struct {
	f  *trio
	mu sync.Mutex
	// tokens are the IDs of the tokens, and deployed the notes of the deployments, that were
	// acknowledged, and were not revoked since.
	tokens, deployed []string
	// made counts the tokens that were acknowledged, and revoked are those that are gone again.
	made    int
	revoked []string
	// last is when the latest change was acknowledged that was asked for after the time of
	// fault.
	fault atomic.Int64
	back  atomic.Int64
	// acknowledged are the times at which tokens were acknowledged.
	acknowledged []time.Time
	// failed is what commands said that failed.
	failed []string
	// killed counts the nodes that were killed.
	killed int
	// looks counts the questions that were answered.
	looks int
}

// token makes a token, and revokes an older one when there are many.
func (l *load) token(worker string) func(int) {
	return func(n int) {
		name := fmt.Sprintf("later-%s-%d", worker, n)
		asked := time.Now()
		out, err := l.f.hosts["ops"].try("zeekfleet token create " + name + " --ttl 24h --json")
		if err != nil {
			l.fails(err) // it may have been made, or not
			return
		}
		now := time.Now()
		if fault := l.fault.Load(); fault != 0 && asked.UnixNano() > fault {
			l.back.CompareAndSwap(0, now.UnixNano())
		}
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			l.fails(fmt.Errorf("%w: %s", err, out))
			return
		}
		if old := l.tokenWasMade(made.ID, now); old != "" {
			if _, err := l.f.hosts["ops"].try("zeekfleet token revoke " + old); err != nil {
				l.fails(err) // it may have been revoked, or not
				return
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.revoked = append(l.revoked, old)
		}
	}
}

// tokenWasMade keeps that a token was acknowledged, and returns one that is to be revoked.
func (l *load) tokenWasMade(id string, now time.Time) (old string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	l.tokens = append(l.tokens, id)
	l.acknowledged = append(l.acknowledged, now)
	if len(l.tokens) > manyTokens {
		old, l.tokens = l.tokens[0], l.tokens[1:]
	}
	return old
}

// fails keeps why a command failed.
func (l *load) fails(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = append(l.failed, err.Error())
}

// trioFile is a cluster file. Each one has another environment for worker-2, which restarts. Nothing
// changes for the manager and the proxy. The load kills worker-1.
func trioFile(n int) string {
	return fmt.Sprintf("[instances]\ns-1\ns-2\n[manager]\ninstance = s-1\nrole = manager\n[worker-1]\ninstance = s-1\nrole = worker\n"+
		"[proxy]\ninstance = s-2\nrole = proxy\n[worker-2]\ninstance = s-2\nrole = worker\nenv = ROUND=%d\n", n)
}

// deploy deploys another cluster file.
func (l *load) deploy(n int) {
	path := filepath.Join(l.f.hosts["ops"].home, fmt.Sprintf("cluster-%d.ini", n))
	if err := os.WriteFile(path, []byte(trioFile(n)), 0o600); err != nil {
		l.f.t.Error(err)
		return
	}
	note := fmt.Sprintf("round-%d", n)
	if _, err := l.f.hosts["ops"].try("zeekfleet deploy " + path + " --yes --note " + note); err != nil {
		l.fails(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deployed = append(l.deployed, note)
}

// job is what the load does again and again. The numbers begin with 1.
type job struct {
	do    func(int)
	pause time.Duration
}

// changes are what users do.
func (l *load) changes() []job {
	jobs := []job{{l.deploy, time.Second}}
	for _, worker := range []string{"a", "b", "c"} { // one may wait for a controller that is away
		jobs = append(jobs, job{l.token(worker), 150 * time.Millisecond})
	}
	return jobs
}

// run does the jobs until ctx is done.
func (l *load) run(ctx context.Context, jobs ...job) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, one := range jobs {
		all.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				one.do(n)
				select {
				case <-ctx.Done():
				case <-time.After(one.pause):
				}
			}
		})
	}
}

// fault does something to a controller, and returns how to mend it.
type fault struct {
	name string
	do   func(f *trio, victim string) (mend func())
	// lasts says that the fault need not end the lead. It lasts for so many acknowledged changes.
	lasts int
}

func faults() []fault {
	signal := func(f *trio, victim string, s unix.Signal) {
		if err := unix.Kill(f.hosts[victim].cmd.Process.Pid, s); err != nil {
			f.t.Fatal(err)
		}
	}
	cutting := func(q quality) func(*trio, string) func() {
		return func(f *trio, victim string) func() {
			f.cables[victim].set(q)
			return func() { f.cables[victim].set(quality{}) }
		}
	}
	list := []fault{
		{name: "killed", do: func(f *trio, victim string) func() {
			f.hosts[victim].cmd.Process.Kill()
			f.hosts[victim].cmd.Wait()
			f.hosts[victim].cmd = nil
			return func() { f.hosts[victim].start(f.controllers[victim]) }
		}},
		{name: "paused for 10 s", do: func(f *trio, victim string) func() {
			signal(f, victim, unix.SIGSTOP)
			began := time.Now()
			resume := time.AfterFunc(pause, func() { signal(f, victim, unix.SIGCONT) })
			return func() {
				if resume.Stop() {
					time.Sleep(time.Until(began.Add(pause)))
					signal(f, victim, unix.SIGCONT)
				}
			}
		}},
		{name: "cut off", do: cutting(quality{cut: true})},
		{name: "cut off, and heard", do: cutting(quality{deaf: true})},
		{name: "cut off, and hearing", do: cutting(quality{mute: true})},
		{name: "full", do: (*trio).fillDisk, lasts: changesWhileFull},
	}
	if *clocks {
		list = append(list,
			fault{name: "an hour ahead", do: shiftingClock("+1"), lasts: changesWhileFull},
			fault{name: "an hour behind", do: shiftingClock("-1"), lasts: changesWhileFull},
			// It believes no certificate of this test: they are too young. So it cannot lead.
			fault{name: "three hours behind", do: shiftingClock("-3"), lasts: changesWhileFull})
	}
	return list
}

// TestControllersSurvive does to the controller that leads what can happen to a machine, while
// users deploy and make tokens. Another one must lead within seconds. Nothing that was
// acknowledged may be lost, and nothing is done twice.
func TestControllersSurvive(t *testing.T) {
	f := newTrio(t)
	l := &load{f: f}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var loading sync.WaitGroup
	defer loading.Wait()
	defer stop()
	loading.Go(func() { l.run(ctx, append(l.changes(), job{l.killNode, 3 * time.Second})...) })
	l.awaitBegun()
	steady := f.steadyNodes()
	took := map[string][]time.Duration{}
	for round := range *rounds {
		for _, one := range faults() {
			t.Run(fmt.Sprintf("%s %d", one.name, round+1), func(t *testing.T) {
				f.t = t
				took[one.name] = append(took[one.name], l.survive(one))
			})
		}
		t.Run(fmt.Sprintf("a follower passes zeek-client on %d", round+1), func(t *testing.T) {
			f.t = t
			const name = "killed, asked in the protocol of zeek-client"
			took[name] = append(took[name], l.surviveAsZeekClient())
		})
	}
	f.t = t
	stop()
	loading.Wait()
	for _, name := range slices.Sorted(maps.Keys(took)) {
		slices.Sort(took[name])
		list := took[name]
		t.Logf("%s: management was back after %v (median), %v (longest of %d)", name, list[len(list)/2], list[len(list)-1], len(list))
		if *rounds >= 10 && list[len(list)-1] > backWithin {
			t.Errorf("%s: management was away for %v, more than %v", name, list[len(list)-1], backWithin)
		}
	}
	l.check()
	f.checkSensors(l)
	f.checkLogs()
	if now := f.steadyNodes(); !maps.Equal(steady, now) {
		t.Errorf("nodes that nobody has changed were %v, and are %v", steady, now)
	}
}

// awaitBegun waits until changes are acknowledged.
func (l *load) awaitBegun() {
	l.f.t.Helper()
	l.f.await("the load has begun", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.tokens) > 2 && len(l.deployed) > 0
	})
}

// survive does one fault to the controller that leads, and returns how long no change was
// possible.
func (l *load) survive(one fault) time.Duration {
	f := l.f
	f.t.Helper()
	victim := f.leader()
	l.back.Store(0)
	began := time.Now()
	mend := one.do(f, victim)
	l.fault.Store(began.UnixNano())
	f.await("a change is acknowledged again", func() bool { return l.back.Load() != 0 })
	took := time.Unix(0, l.back.Load()).Sub(began).Round(time.Millisecond)
	l.fault.Store(0)
	if one.lasts > 0 {
		took = l.longestPause(began, one.lasts)
	}
	mend()
	f.leader()
	f.t.Logf("%s was %s: management was back after %v", victim, one.name, took)
	return took
}

// check compares what was acknowledged with what there is.
func (l *load) check() {
	f := l.f
	f.t.Logf("%d tokens, %d revocations and %d deployments were acknowledged, %d commands failed, and %d nodes were killed", l.made, len(l.revoked), len(l.deployed), len(l.failed), l.killed)
	kinds := map[string]int{}
	for _, why := range l.failed {
		_, text, _ := strings.Cut(why, ": exit status")
		kinds[text]++
	}
	for text, n := range kinds {
		f.t.Logf("%d times a command failed: %s", n, strings.TrimSpace(text))
	}
	tokens := f.hosts["ops"].run("zeekfleet token list --json")
	for _, name := range l.tokens {
		if !strings.Contains(tokens, `"`+name+`"`) {
			f.t.Errorf("the token %s was acknowledged, and is lost", name)
		}
	}
	for _, name := range l.revoked {
		if strings.Contains(tokens, `"`+name+`"`) {
			f.t.Errorf("the token %s was revoked, and is there again", name)
		}
	}
	history := f.hosts["ops"].run("zeekfleet history --limit 10000 -o json")
	for _, note := range l.deployed {
		if n := strings.Count(history, `"`+note+`"`); n != 1 {
			f.t.Errorf("the deployment %s was acknowledged, and is in the history %d times", note, n)
		}
	}
}
