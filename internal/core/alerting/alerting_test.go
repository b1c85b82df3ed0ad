package alerting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a Machine with a clock, a cluster of two instances with two workers each, and what
// people were told.
type world struct {
	t      *testing.T
	m      *alerting.Machine
	now    time.Time
	states map[mgmt.NodeName]mgmt.State
	away   map[mgmt.InstanceName]bool
	stop   []mgmt.NodeName
	pause  []mgmt.NodeName
	ops    []*mgmt.Operation
	gone   mgmt.NodeName // is not deployed
	hosts  map[mgmt.InstanceName]*alerting.Host
	told   []string
	log    []mgmt.Happening
	state  []byte
	answer access.Answer
	audit  []mgmt.AuditRecord
	// deaf says that nothing can be written into the log, full that nothing can be saved.
	deaf, full bool
}

var nodes = map[mgmt.NodeName]mgmt.InstanceName{"w-1": "a", "w-2": "a", "w-3": "b", "w-4": "b"}

func newWorld(t *testing.T, cfg alerting.Config) *world {
	w := &world{
		t: t, now: epoch, states: map[mgmt.NodeName]mgmt.State{}, away: map[mgmt.InstanceName]bool{}, hosts: map[mgmt.InstanceName]*alerting.Host{},
	}
	for n := range nodes {
		w.states[n] = mgmt.Running
	}
	w.begin(cfg, nil)
	return w
}

func (w *world) begin(cfg alerting.Config, saved []byte) {
	w.t.Helper()
	m, err := alerting.New(cfg, saved)
	if err != nil {
		w.t.Fatal(err)
	}
	w.m = m
}

// step gives the Machine an event, performs the effects, and gives it ticks that are due.
func (w *world) step(ev alerting.Event) {
	queue := []alerting.Event{ev}
	for len(queue) > 0 {
		ev := queue[0]
		queue = queue[1:]
		for _, e := range w.m.Step(w.now, ev) {
			switch e := e.(type) {
			case alerting.Tell:
				if w.deaf {
					queue = append(queue, alerting.Untold(e))
					continue
				}
				for _, h := range e.List {
					w.log = append(w.log, h)
					w.told = append(w.told, fmt.Sprintf("%s %s>%s", h.Alert, h.From, h.To))
				}
			case alerting.Save:
				if w.full {
					queue = append(queue, alerting.Saved{Err: "disk full"})
					continue
				}
				w.state = e.State
				queue = append(queue, alerting.Saved{})
			case alerting.Reply:
				w.answer = e.Answer
			case alerting.Audit:
				w.audit = append(w.audit, e.Record)
			}
		}
	}
}

// snapshot returns the cluster as it is.
func (w *world) snapshot() *mgmt.Snapshot {
	snap := &mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{Revision: 1}, Stopped: w.stop, Paused: w.pause, Operations: w.ops}
	for _, in := range []mgmt.InstanceName{"a", "b"} {
		o := &mgmt.ObservedInstance{Name: in, Standing: mgmt.Ready}
		if w.away[in] {
			o.Standing = mgmt.Absent
		}
		snap.Deployed.Config.Instances = append(snap.Deployed.Config.Instances, mgmt.Instance{Name: in})
		for _, n := range []mgmt.NodeName{"w-1", "w-2", "w-3", "w-4"} {
			if nodes[n] != in || n == w.gone {
				continue
			}
			snap.Deployed.Config.Nodes = append(snap.Deployed.Config.Nodes, mgmt.Node{Name: n, Instance: in})
			state := w.states[n]
			if w.away[in] {
				state = mgmt.Unknown
			}
			o.Nodes = append(o.Nodes, mgmt.ObservedNode{NodeStatus: mgmt.NodeStatus{Node: n, State: state}})
		}
		snap.Instances = append(snap.Instances, o)
	}
	return snap
}

// see shows the Machine the cluster.
func (w *world) see() { w.step(alerting.Seen{Snapshot: w.snapshot()}) }

// pass lets time pass, with a sample of each host every five seconds.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for w.now.Before(end) {
		next := w.now.Add(min(5*time.Second, end.Sub(w.now)))
		for {
			at, ok := w.m.NextWake()
			if !ok || at.After(next) {
				break
			}
			if at.After(w.now) {
				w.now = at
			}
			w.step(alerting.Tick{})
			if again, ok := w.m.NextWake(); ok && !again.After(at) {
				w.t.Fatalf("it wants a tick at %v again and again", at)
			}
		}
		w.now = next
		if len(w.hosts) > 0 {
			var ev alerting.Sampled
			for _, name := range []mgmt.InstanceName{"a", "b"} {
				if h := w.hosts[name]; h != nil && !w.away[name] {
					h.Instance, h.Heard = name, w.now
					ev.Hosts = append(ev.Hosts, *h)
				}
			}
			w.step(ev)
		}
	}
}

// set gives a node a state and shows the cluster.
func (w *world) set(n mgmt.NodeName, s mgmt.State) {
	w.states[n] = s
	w.see()
}

// crash writes into the log that a node has ended by itself.
func (w *world) crash(n mgmt.NodeName, to mgmt.State) {
	w.states[n] = to
	w.step(alerting.Logged{Log: "l", Records: []mgmt.Happening{{
		Time: w.now, Kind: mgmt.HappenedNode, Instance: nodes[n], Node: n, From: "RUNNING", To: string(to), Cause: "killed by SIGSEGV",
	}}})
}

// want checks what was told since the last call.
func (w *world) want(told ...string) {
	w.t.Helper()
	if !slices.Equal(w.told, told) {
		w.t.Fatalf("after %v, told\n  %s\nwant\n  %s", w.now.Sub(epoch), strings.Join(w.told, "\n  "), strings.Join(told, "\n  "))
	}
	w.told = nil
}

// alert returns an alert, or nil.
func (w *world) alert(id string) *mgmt.Alert {
	for _, a := range w.m.Book(w.now).Alerts {
		if a.ID == id {
			return &a
		}
	}
	return nil
}

func TestACrashIsToldOnceAndEndsWhenTheNodeHasRunForAWhile(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.crash("w-1", mgmt.Crashed)
	w.want("node-crashed/a/w-1 >firing")
	if a := w.alert("node-crashed/a/w-1"); a.Text != "w-1 on a has crashed: killed by SIGSEGV" || a.Severity != mgmt.AlertCritical || !strings.Contains(a.Hint, "zeekfleet diag w-1") {
		t.Errorf("%+v", a)
	}
	w.see()
	w.pass(time.Second)
	w.set("w-1", mgmt.Pending)
	w.set("w-1", mgmt.Running)
	w.pass(5*time.Minute - time.Nanosecond)
	w.want()
	w.pass(time.Nanosecond)
	w.want("node-crashed/a/w-1 firing>resolved")
	if a := w.alert("node-crashed/a/w-1"); a == nil || a.State != mgmt.AlertResolved {
		t.Errorf("%+v", a)
	}
	w.pass(24 * time.Hour)
	if a := w.alert("node-crashed/a/w-1"); a != nil {
		t.Errorf("shown after a day: %+v", a)
	}
}

func TestACrashWaitsAMomentForItsCause(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.set("w-1", mgmt.Crashed)
	w.want()
	w.pass(time.Second)
	w.crash("w-1", mgmt.Crashed) // now the log tells of it
	w.want("node-crashed/a/w-1 >firing")
	if got := w.log[0].Cause; got != "w-1 on a has crashed: killed by SIGSEGV" {
		t.Errorf("told %q", got)
	}
	w.set("w-1", mgmt.Running)
	w.pass(time.Hour)
	w.want("node-crashed/a/w-1 firing>resolved")

	// The log tells of the next crash late. The cause of the crash before is not told again.
	w.set("w-1", mgmt.Crashed)
	w.pass(2*time.Second - time.Nanosecond)
	w.want()
	w.pass(time.Nanosecond)
	w.want("node-crashed/a/w-1 >firing")
	if got := w.log[2].Cause; got != "w-1 on a has crashed" {
		t.Errorf("told %q", got)
	}
	w.crash("w-1", mgmt.Crashed)
	w.want()
	if a := w.alert("node-crashed/a/w-1"); a.Text != "w-1 on a has crashed: killed by SIGSEGV" {
		t.Errorf("%+v", a)
	}
}

func TestACrashOfANodeThatRunsAgainAtOnceIsTold(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.set("w-1", mgmt.Crashed)
	w.pass(time.Second)
	w.set("w-1", mgmt.Pending)
	w.want()
	w.set("w-1", mgmt.Running) // and an older agent tells no cause
	w.want("node-crashed/a/w-1 >firing")
}

func TestACrashLoopTakesThePlaceOfCrashes(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	for range 5 {
		w.crash("w-1", mgmt.Crashed)
		w.pass(time.Minute)
		w.set("w-1", mgmt.Running)
	}
	w.want("node-crashed/a/w-1 >firing", "crash-loop/a/w-1 >firing", "node-crashed/a/w-1 firing>resolved")
	w.pass(10 * time.Minute)
	w.want("crash-loop/a/w-1 firing>resolved")
}

func TestAFailedNodeIsOneAlert(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.crash("w-1", mgmt.Failed)
	w.see()
	w.pass(time.Hour)
	w.want("crash-loop/a/w-1 >firing")
	w.stop = []mgmt.NodeName{"w-1"}
	w.set("w-1", mgmt.Stopped)
	w.want("crash-loop/a/w-1 firing>resolved")
	if a := w.alert("crash-loop/a/w-1"); !strings.Contains(w.log[len(w.log)-1].Cause, "(a user has stopped it)") {
		t.Errorf("%+v %q", a, w.log[len(w.log)-1].Cause)
	}
}

func TestANodeThatDoesNotRunIsToldAfterAWhile(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.set("w-1", mgmt.Stopped)
	w.pass(2*time.Minute - time.Second)
	w.set("w-1", mgmt.Running) // in time
	w.set("w-1", mgmt.Pending)
	w.pass(2*time.Minute - time.Nanosecond)
	w.want()
	if a := w.alert("node-down/a/w-1"); a.State != mgmt.AlertPending {
		t.Errorf("%+v", a)
	}
	w.pass(time.Nanosecond)
	w.want("node-down/a/w-1 >firing")
	w.set("w-1", mgmt.Running)
	w.pass(30 * time.Second)
	w.want("node-down/a/w-1 firing>resolved")
}

func TestWhoeverAUserHasStoppedOrPausedIsNotDown(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.stop, w.pause, w.gone = []mgmt.NodeName{"w-1"}, []mgmt.NodeName{"w-2"}, "w-3"
	w.states["w-1"] = mgmt.Stopped
	w.see()
	w.crash("w-2", mgmt.Crashed)
	w.crash("w-3", mgmt.Crashed)
	w.see()
	w.pass(time.Hour)
	w.want()
}

func TestAnInstanceThatIsAwayIsOneAlert(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.crash("w-2", mgmt.Crashed)
	w.want("node-crashed/a/w-2 >firing")
	w.away["a"] = true
	w.see()
	w.pass(time.Minute - time.Nanosecond)
	w.want()
	w.pass(time.Nanosecond)
	w.want("agent-away/a >firing")
	if a := w.alert("agent-away/a"); !strings.Contains(a.Text, "2 nodes") {
		t.Errorf("%q", a.Text)
	}
	w.pass(time.Hour)
	w.away["a"], w.states["w-2"] = false, mgmt.Running
	w.see()
	w.pass(time.Hour)
	w.want("agent-away/a firing>resolved", "node-crashed/a/w-2 firing>resolved")
}

func TestAnOperationExcusesWhatItDoes(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	op := &mgmt.Operation{ID: 7, Kind: mgmt.OperationDeploy, Who: "ann", State: mgmt.OperationRunning, Begun: epoch, Steps: []mgmt.OperationStep{
		{Instance: "a", Node: "w-1", Action: mgmt.ActionRestart, State: mgmt.StepRunning},
		{Instance: "a", Node: "w-2", Action: mgmt.ActionRestart, State: mgmt.StepWaiting},
	}}
	w.ops = []*mgmt.Operation{op}
	w.set("w-1", mgmt.Stopped)
	w.pass(5 * time.Minute)
	w.crash("w-1", mgmt.Crashed)
	w.pass(5 * time.Minute)
	w.want()
	if a := w.alert("node-crashed/a/w-1"); a.State != mgmt.AlertPending || !strings.Contains(a.Text, "operation 7 (deploy by ann)") {
		t.Errorf("%+v", a)
	}
	w.crash("w-2", mgmt.Crashed) // its turn has not come
	w.want("node-crashed/a/w-2 >firing")
	op.State = mgmt.OperationFailed
	w.see()
	w.want("node-crashed/a/w-1 >firing")
}

func TestFlappingIsNotTold100Times(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	for range 100 {
		w.crash("w-1", mgmt.Crashed)
		w.pass(10 * time.Second)
		w.set("w-1", mgmt.Running)
		w.pass(6 * time.Minute)
	}
	if len(w.told) > 4 {
		t.Errorf("told %d times: %v", len(w.told), w.told)
	}
}

func TestMissingPacketsAreToldOnlyWhereThereWereSome(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	host := &alerting.Host{
		Interfaces: []alerting.Flow{{Name: "eth0", Capture: true, Link: true, Known: true, Packets: 100}, {Name: "eth1", Capture: true, Link: true, Known: true}},
		Nodes:      []alerting.Flow{{Name: "w-1", Interface: "eth0", Capture: true, Known: true, Packets: 50}, {Name: "w-2", Interface: "eth0", Capture: true, Known: true, Packets: 50}},
	}
	w.hosts["a"] = host
	w.see()
	w.pass(2 * time.Minute)
	host.Nodes[0].Packets = 0
	w.pass(5*time.Minute + 5*time.Second)
	w.want("no-packets/a/w-1 >firing")
	host.Interfaces[0].Packets, host.Nodes[1].Packets = 0, 0
	w.pass(6 * time.Minute)
	w.want("no-packets/a/interface/eth0 >firing")
	host.Interfaces[0].Packets, host.Nodes[0].Packets, host.Nodes[1].Packets = 1, 1, 1
	w.pass(time.Minute)
	w.want("no-packets/a/interface/eth0 firing>resolved", "no-packets/a/w-1 firing>resolved")
	host.Interfaces[0].Link, host.Interfaces[0].Packets = false, 0
	w.pass(time.Hour)
	w.want("link-down/a/interface/eth0 >firing")
}

func TestThatAnInterfaceHadPacketsIsRemembered(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	host := &alerting.Host{Interfaces: []alerting.Flow{{Name: "eth0", Capture: true, Link: true, Known: true, Packets: 100}}}
	w.hosts["a"] = host
	w.see()
	w.pass(2 * time.Minute)
	w.begin(alerting.Config{}, w.state)
	host.Interfaces[0].Packets = 0
	w.see()
	w.pass(5 * time.Minute)
	w.want()
	w.pass(10 * time.Second)
	w.want("no-packets/a/interface/eth0 >firing")
}

func TestLimitsHaveHysteresis(t *testing.T) {
	for name, c := range map[string]struct {
		id             string
		set            func(h *alerting.Host, value float64)
		bad, mid, good float64
		critical       float64
		fires, ends    time.Duration
		text           string
	}{
		"drops of an interface": {
			id: "packet-drops/a/interface/eth0", bad: 6, mid: 3, good: 1, fires: 2 * time.Minute, ends: 5 * time.Minute,
			set:  func(h *alerting.Host, v float64) { h.Interfaces[0].DropShare = v / 100 },
			text: "packets are dropped on a: the interface eth0 6.0 %",
		},
		"drops of a worker": {
			id: "packet-drops/a/interface/eth0", bad: 50, mid: 3, good: 1, fires: 2 * time.Minute, ends: 5 * time.Minute,
			set:  func(h *alerting.Host, v float64) { h.Nodes[0].DropShare = v / 100 },
			text: "packets are dropped on a: w-1 50.0 %",
		},
		"a disk": {
			id: "disk-full/a/spool", bad: 91, mid: 88, good: 80, critical: 98, fires: time.Minute, ends: time.Minute,
			set:  func(h *alerting.Host, v float64) { h.Disks[0].Free = uint64((100 - v) * (1 << 30)) },
			text: "the file system of /s (spool) on a is full to 91.0 %, which also has the directory of archive",
		},
		"a clock": {
			id: "clock-skew/a", bad: 7, mid: 3, good: 1, fires: time.Minute, ends: time.Minute,
			set:  func(h *alerting.Host, v float64) { h.Skew = -time.Duration(v * float64(time.Second)) },
			text: "the clock of a is 7s behind the controller's",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, alerting.Config{})
			h := &alerting.Host{
				Disks:      []mgmt.Disk{{Use: "spool", Path: "/s", Total: 100 << 30, Free: 50 << 30}, {Use: "archive", Path: "/s/a", Total: 100 << 30}},
				Interfaces: []alerting.Flow{{Name: "eth0", Capture: true, Link: true, Known: true, Packets: 1000}},
				Nodes:      []alerting.Flow{{Name: "w-1", Interface: "eth0", Capture: true, Known: true, Packets: 1000}},
			}
			set := func(v float64) { c.set(h, v); h.Disks[1].Free = h.Disks[0].Free }
			set(c.good)
			w.hosts["a"] = h
			set(c.mid)
			w.pass(time.Hour)
			set(c.bad)
			w.pass(c.fires)
			w.want() // the first sample came 5 s later
			w.pass(5 * time.Second)
			w.want(c.id + " >firing")
			if a := w.alert(c.id); a.Severity != mgmt.AlertWarning || a.Text != c.text || a.Value != c.bad || a.Limit == 0 {
				t.Errorf("%+v", a)
			}
			if c.critical > 0 {
				set(c.critical)
				w.pass(5 * time.Second)
				w.want(c.id + " firing>firing")
				if a := w.alert(c.id); a.Severity != mgmt.AlertCritical {
					t.Errorf("%+v", a)
				}
			}
			set(c.mid)
			w.pass(2 * time.Hour)
			w.want()
			set(c.good)
			w.pass(c.ends + 5*time.Second)
			w.want(c.id + " firing>resolved")
		})
	}
}

func TestAClockThatNothingKeepsRight(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	h := &alerting.Host{Unsynced: true}
	w.hosts["a"] = h
	w.pass(time.Minute)
	w.want() // the first sample came 5 s later
	w.pass(5 * time.Second)
	w.want("clock-skew/a >firing")
	if a := w.alert("clock-skew/a"); a.Text != "nothing keeps the clock of a right" || a.Severity != mgmt.AlertWarning {
		t.Errorf("%+v", a)
	}
	h.Unsynced = false
	w.pass(time.Minute + 5*time.Second)
	w.want("clock-skew/a firing>resolved")
}

func TestCertificatesThatEnd(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	day := 24 * time.Hour
	list := []alerting.Certificate{
		{Subject: "controller", Begins: epoch.Add(-80 * day), Ends: epoch.Add(14*day - time.Second)},
		{Subject: "agent/a", Instance: "a", Begins: epoch, Ends: epoch.Add(4 * time.Hour)},
		{Subject: "file /x.pem", Ends: epoch.Add(100 * day)},
	}
	w.step(alerting.Certificates{List: list})
	w.want("certificate-ends/controller >firing")
	w.pass(3 * time.Hour)
	w.want()
	w.pass(time.Hour)
	w.want("certificate-ends/a/agent/a >firing")
	list[1].Ends = epoch.Add(20 * time.Hour)
	w.step(alerting.Certificates{List: list[1:]})
	w.want("certificate-ends/a/agent/a firing>resolved", "certificate-ends/controller firing>resolved")
}

var ann = mgmt.Principal{Name: "ann", Role: mgmt.Operator}

func (w *world) ask(who mgmt.Principal, req access.AlertRequest) access.Answer {
	w.answer = nil
	w.step(alerting.Asked{ID: 1, Who: who, Request: req})
	return w.answer
}

func TestAcknowledgedAlertsAreNotRepeated(t *testing.T) {
	w := newWorld(t, alerting.Config{Repeat: 4 * time.Hour})
	w.see()
	w.crash("w-1", mgmt.Crashed)
	w.pass(8*time.Hour + time.Second)
	w.want("node-crashed/a/w-1 >firing", "node-crashed/a/w-1 firing>firing", "node-crashed/a/w-1 firing>firing")
	got, ok := w.ask(ann, access.AcknowledgeAlert{ID: "node-crashed/a/w-1", Note: "on it\n"}).(access.Acknowledged)
	if !ok || got.Acknowledged == nil || got.Acknowledged.Who != "ann" || got.Acknowledged.Note != "on it " {
		t.Fatalf("answered %+v", w.answer)
	}
	w.pass(24 * time.Hour)
	w.want("node-crashed/a/w-1 firing>acknowledged")
	w.set("w-1", mgmt.Running)
	w.pass(time.Hour)
	w.want("node-crashed/a/w-1 acknowledged>resolved")
	if len(w.audit) != 1 || w.audit[0].Request != "alerts ack" || w.audit[0].Outcome != mgmt.AuditDone || w.audit[0].Subject != "node-crashed/a/w-1" {
		t.Errorf("audit: %+v", w.audit)
	}
}

func TestSilencedAlertsAreNotTold(t *testing.T) {
	w := newWorld(t, alerting.Config{Repeat: time.Hour})
	w.see()
	w.crash("w-3", mgmt.Crashed)
	if _, ok := w.ask(ann, access.MakeSilence{Instance: "b", Life: 2 * time.Hour}).(access.Silenced); !ok {
		t.Fatalf("answered %+v", w.answer)
	}
	w.crash("w-4", mgmt.Crashed)
	w.crash("w-1", mgmt.Crashed)
	w.set("w-1", mgmt.Running)
	w.pass(time.Hour)
	w.want("node-crashed/b/w-3 >firing", " >silenced", "node-crashed/b/w-4 >silenced", "node-crashed/a/w-1 >firing", "node-crashed/a/w-1 firing>resolved")
	if a := w.alert("node-crashed/b/w-4"); a.Silenced == nil || a.Silenced.Who != "ann" {
		t.Errorf("%+v", a)
	}
	w.pass(time.Hour)
	w.want(" >unsilenced", "node-crashed/b/w-3 firing>firing", "node-crashed/b/w-4 silenced>firing")
}

func TestWhatEndsWhileItIsSilencedIsNotTold(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.ask(ann, access.MakeSilence{Rule: mgmt.RuleNodeCrashed, Life: 2 * time.Hour})
	w.crash("w-4", mgmt.Crashed)
	w.set("w-4", mgmt.Running)
	w.pass(time.Hour)
	w.want(" >silenced", "node-crashed/b/w-4 >silenced", "node-crashed/b/w-4 silenced>resolved")
	for _, h := range w.log {
		if mgmt.AlertIsTold(&h) {
			t.Errorf("told: %+v", h)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t, alerting.Config{MaxSilences: 1})
	w.see()
	vic := mgmt.Principal{Name: "vic", Role: mgmt.Viewer}
	w.ask(ann, access.MakeSilence{Node: "w-1", Life: time.Hour})
	for name, c := range map[string]struct {
		who mgmt.Principal
		req access.AlertRequest
		why access.Why
	}{
		"a viewer":            {vic, access.AcknowledgeAlert{ID: "x"}, access.Forbidden},
		"a viewer tests":      {vic, access.TestReceiver{Name: "x"}, access.Forbidden},
		"no such alert":       {ann, access.AcknowledgeAlert{ID: "x"}, access.NotFound},
		"everything":          {ann, access.MakeSilence{Life: time.Hour}, access.Invalid},
		"no such rule":        {ann, access.MakeSilence{Rule: "x", Life: time.Hour}, access.Invalid},
		"for ever":            {ann, access.MakeSilence{Node: "w", Life: 10000 * time.Hour}, access.Invalid},
		"more than the bound": {ann, access.MakeSilence{Node: "w", Life: time.Hour}, access.Limited},
		"no such silence":     {ann, access.EndSilence{ID: 9}, access.NotFound},
	} {
		before := len(w.audit)
		refusal, ok := w.ask(c.who, c.req).(access.Refusal)
		if !ok || refusal.Why != c.why || refusal.Reason == "" {
			t.Errorf("%s: answered %+v", name, w.answer)
		}
		if len(w.audit) != before+1 || w.audit[before].Outcome != mgmt.AuditRefused {
			t.Errorf("%s: audit %+v", name, w.audit[before:])
		}
	}
	w.want(" >silenced")
}

func TestNothingIsToldTwiceOrForgottenAfterARestart(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.crash("w-1", mgmt.Crashed)
	w.pass(time.Minute) // it is saved
	w.ask(ann, access.MakeSilence{Node: "w-4", Life: time.Hour})
	saved := len(w.log)
	w.crash("w-3", mgmt.Crashed) // the log has it, and the state has not
	w.ask(ann, access.AcknowledgeAlert{ID: "node-crashed/a/w-1"})
	w.told = nil
	w.begin(alerting.Config{}, w.state)
	w.step(alerting.Logged{Log: "l", Records: w.log[saved:], Upto: 9, Replayed: true})
	w.see()
	w.want()
	if a := w.alert("node-crashed/a/w-1"); a == nil || a.State != mgmt.AlertFiring || a.Acknowledged == nil {
		t.Errorf("%+v", a)
	}
	if a := w.alert("node-crashed/b/w-3"); a == nil || a.State != mgmt.AlertFiring || a.Hint == "" {
		t.Errorf("%+v", a)
	}
	if s := w.m.Book(w.now).Silences; len(s) != 1 || s[0].Node != "w-4" {
		t.Errorf("silences %+v", s)
	}
	w.set("w-1", mgmt.Running)
	w.set("w-3", mgmt.Running)
	w.pass(time.Hour)
	w.want("node-crashed/a/w-1 acknowledged>resolved", "node-crashed/b/w-3 firing>resolved", " >unsilenced")
}

func TestWhatCannotBeWrittenIsToldLaterInOrder(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.see()
	w.deaf, w.full = true, true
	w.crash("w-1", mgmt.Crashed)
	w.crash("w-2", mgmt.Crashed)
	if refusal, ok := w.ask(ann, access.MakeSilence{Node: "w-9", Life: time.Hour}).(access.Refusal); !ok || refusal.Why != access.Failed {
		t.Errorf("answered %+v", w.answer)
	}
	w.pass(time.Minute)
	w.want()
	w.deaf, w.full = false, false
	w.pass(10 * time.Second)
	w.want("node-crashed/a/w-1 >firing", "node-crashed/a/w-2 >firing", " >silenced")
}

func TestAlertsAreBounded(t *testing.T) {
	w := newWorld(t, alerting.Config{MaxAlerts: 2})
	w.see()
	for _, n := range []mgmt.NodeName{"w-1", "w-2", "w-3"} {
		w.crash(n, mgmt.Crashed)
	}
	w.want("node-crashed/a/w-1 >firing", "node-crashed/a/w-2 >firing", "node-crashed/a/w-2 firing>resolved", "node-crashed/b/w-3 >firing")
	if cause := w.log[2].Cause; !strings.Contains(cause, "(it is not watched any more, because its instance has too many alerts)") {
		t.Errorf("told %q", cause)
	}
	w.crash("w-2", mgmt.Crashed)
	w.crash("w-4", mgmt.Crashed)
	w.want() // each has its share
}

func TestARuleThatIsOff(t *testing.T) {
	w := newWorld(t, alerting.Config{Rules: map[mgmt.AlertRule]alerting.Rule{mgmt.RuleNodeCrashed: {Off: true}}})
	w.see()
	w.crash("w-1", mgmt.Crashed)
	w.pass(time.Hour)
	w.want()
}

func TestADamagedStateIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":2}`: "newer zeekfleet",
		`{"version":1,"alerts":[{"id":"x","rule":"r","severity":"s","state":"odd","text":"","since":"2026-01-01T00:00:00Z","fired":"2026-01-01T00:00:00Z"}]}`: `the alert "x" is "odd"`,
		`{"version":1,"new":1}`: "unknown field",
		`x`:                     "not a JSON object",
	} {
		if _, err := alerting.New(alerting.Config{}, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
