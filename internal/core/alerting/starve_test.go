package alerting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestOneHostLeavesRoomForAlertsOfOthers(t *testing.T) {
	m, err := alerting.New(alerting.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	// names that stay for 35 s, then others
	for round := range 130 {
		for range 8 {
			now = now.Add(5 * time.Second)
			h := alerting.Host{Instance: "evil", Heard: now}
			for k := range 64 {
				h.Interfaces = append(h.Interfaces, alerting.Flow{Name: fmt.Sprintf("r%dx%d", round, k), Capture: true})
			}
			m.Step(now, alerting.Sampled{Hosts: []alerting.Host{h}})
		}
	}
	states := map[mgmt.AlertState]int{}
	for _, a := range m.Book(now).Alerts {
		states[a.State]++
	}
	t.Logf("after %s: %v", now.Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), states)
	for range 40 {
		now = now.Add(5 * time.Second)
		m.Step(now, alerting.Sampled{Hosts: []alerting.Host{{Instance: "good", Heard: now, Disks: []mgmt.Disk{{Use: "spool", Path: "/s", Total: 100, Free: 0}}}}})
	}
	for _, a := range m.Book(now).Alerts {
		if a.Instance == "good" {
			return
		}
	}
	t.Error("the full disk of another host makes no alert")
}

func TestOneHostLeavesRoomForFlowsOfOthers(t *testing.T) {
	m, err := alerting.New(alerting.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for round := range 60 {
		now = now.Add(5 * time.Second)
		h := alerting.Host{Instance: "evil", Heard: now}
		for k := range 1024 {
			h.Nodes = append(h.Nodes, alerting.Flow{Name: fmt.Sprintf("r%dx%d", round, k), Interface: "e", Capture: true, Known: true, Packets: 1})
		}
		m.Step(now, alerting.Sampled{Hosts: []alerting.Host{h}})
	}
	for i := range 200 {
		now = now.Add(5 * time.Second)
		p := 100.0
		if i > 40 {
			p = 0
		}
		m.Step(now, alerting.Sampled{Hosts: []alerting.Host{{Instance: "good", Heard: now, Interfaces: []alerting.Flow{{Name: "eth0", Capture: true, Link: true, Known: true, Packets: p}}}}})
	}
	for _, a := range m.Book(now).Alerts {
		if a.Instance == "good" && a.Rule == mgmt.RuleNoPackets {
			return
		}
	}
	t.Error("no alert although the interface of another host has lost its packets")
}

// bounded is a Machine whose hosts tell of interfaces, and the clock.
type bounded struct {
	*testing.T
	m     *alerting.Machine
	now   time.Time
	notes int
}

func newBounded(t *testing.T, cfg alerting.Config) *bounded {
	m, err := alerting.New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &bounded{T: t, m: m, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// tell lets a host name its interfaces for a while.
func (b *bounded) tell(host mgmt.InstanceName, d time.Duration, interfaces ...alerting.Flow) {
	for range d / (5 * time.Second) {
		b.now = b.now.Add(5 * time.Second)
		for _, e := range b.m.Step(b.now, alerting.Sampled{Hosts: []alerting.Host{{Instance: host, Heard: b.now, Interfaces: interfaces}}}) {
			if _, ok := e.(alerting.Note); ok {
				b.notes++
			}
		}
	}
}

// want checks which alerts there are, as "ID state".
func (b *bounded) want(want ...string) {
	b.Helper()
	var got []string
	for _, a := range b.m.Book(b.now).Alerts {
		got = append(got, a.ID+" "+string(a.State))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		b.Errorf("got %q, want %q", got, want)
	}
}

func cut(names ...string) (all []alerting.Flow) {
	for _, name := range names {
		all = append(all, alerting.Flow{Name: name, Capture: true})
	}
	return all
}

func TestTheAlertThatHasEndedFirstMakesRoom(t *testing.T) {
	b := newBounded(t, alerting.Config{MaxInstanceAlerts: 2})
	b.tell("b", time.Minute, cut("x")...)
	b.tell("b", time.Minute)
	for _, name := range []string{"x1", "x2", "x3"} {
		b.tell("a", time.Minute, cut(name)...)
	}
	b.want("link-down/a/interface/x2 resolved", "link-down/a/interface/x3 firing", "link-down/b/interface/x resolved")
	b.tell("a", time.Minute, cut("x3", "x4")...)
	if b.notes != 0 {
		t.Errorf("%d notes although there was room", b.notes)
	}
	b.tell("a", 10*time.Minute, cut("x3", "x4", "x5")...)
	b.want("link-down/a/interface/x3 firing", "link-down/a/interface/x4 firing", "link-down/b/interface/x resolved")
	if b.notes != 1 {
		t.Errorf("%d notes that there is no room, want 1", b.notes)
	}
}

func TestAnAlertThatFiresMakesRoomOnlyForAnInstanceBelowItsShare(t *testing.T) {
	b := newBounded(t, alerting.Config{MaxAlerts: 4})
	b.tell("a", time.Minute, cut("x1", "x2", "x3")...)
	b.tell("a", time.Minute, cut("x2", "x3")...)
	b.tell("b", time.Minute, cut("x1", "x2", "x3")...)
	b.want("link-down/a/interface/x2 firing", "link-down/a/interface/x3 firing", "link-down/b/interface/x1 firing", "link-down/b/interface/x2 firing")
	b.tell("c", time.Minute, cut("x1", "x2")...)
	b.want("link-down/a/interface/x2 firing", "link-down/b/interface/x1 firing", "link-down/b/interface/x2 firing", "link-down/c/interface/x1 firing")
}

func TestHostsWithManyAlertsLeaveRoomForOthers(t *testing.T) {
	for _, hosts := range []int{1, 17, 40} {
		b := newBounded(t, alerting.Config{MaxAlerts: 500, MaxInstanceAlerts: 30})
		var many []string
		for i := range 40 {
			many = append(many, fmt.Sprintf("x%d", i))
		}
		name := func(i int) mgmt.InstanceName { return mgmt.InstanceName(fmt.Sprintf("evil-%d", i)) }
		for range 3 {
			for i := range hosts {
				b.tell(name(i), 5*time.Second, cut(many...)...)
			}
			b.tell("good", 5*time.Second, cut(many[:12]...)...)
		}
		all, of := b.m.Book(b.now).Alerts, map[mgmt.InstanceName]int{}
		for _, a := range all {
			of[a.Instance]++
		}
		if of["good"] != 12 {
			t.Errorf("beside %d hosts another one has %d alerts, want 12", hosts, of["good"])
		}
		if len(all) > 500 {
			t.Errorf("%d alerts, the bound is 500", len(all))
		}
		for i := range hosts {
			if own := of[name(i)]; own < min(30, 500/(hosts+1)) || own > 30 {
				t.Errorf("of %d hosts, %s has %d alerts, want its share, and at most 30", hosts, name(i), own)
			}
		}
	}
}

func TestAFlowThatNoSampleNamesIsForgotten(t *testing.T) {
	busy := alerting.Flow{Name: "eth0", Capture: true, Link: true, Known: true, Packets: 100}
	quiet := busy
	quiet.Packets = 0
	for away, want := range map[time.Duration][]string{
		23 * time.Hour: {"no-packets/a/interface/eth0 firing"},
		25 * time.Hour: nil,
	} {
		b := newBounded(t, alerting.Config{})
		b.tell("a", 5*time.Minute, busy)
		b.now = b.now.Add(away)
		b.tell("b", time.Minute)
		b.tell("a", 10*time.Minute, quiet)
		b.want(want...)
	}
}

func TestAtTheBoundAHostLosesTheFlowItNamedFirst(t *testing.T) {
	flow := func(name string, packets float64) alerting.Flow {
		return alerting.Flow{Name: name, Capture: true, Link: true, Known: true, Packets: packets}
	}
	b := newBounded(t, alerting.Config{MaxInstanceFlows: 2})
	b.tell("b", 5*time.Minute, flow("x", 100))
	b.tell("a", 5*time.Minute, flow("x1", 100))
	b.tell("a", 5*time.Minute, flow("x2", 100))
	b.tell("a", 5*time.Minute, flow("x3", 100))
	b.tell("b", 10*time.Minute, flow("x", 0))
	b.tell("a", 10*time.Minute, flow("x2", 0), flow("x3", 0))
	b.want("no-packets/a/interface/x2 firing", "no-packets/a/interface/x3 firing", "no-packets/b/interface/x firing")
	b.tell("a", 10*time.Minute, flow("x1", 0))
	b.want("no-packets/a/interface/x2 resolved", "no-packets/a/interface/x3 resolved", "no-packets/b/interface/x firing")
}

func TestTextsOfAlertsHideNothing(t *testing.T) {
	b := newBounded(t, alerting.Config{})
	b.tell("a", time.Minute, cut("e\u202et\u200bh\n\x1b0")...)
	b.want("link-down/a/interface/e?t?h  0 firing")
	if got, want := b.m.Book(b.now).Alerts[0].Text, "e?t?h  0 of a is down"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestSamplesOfSomeHostsEndNoAlertsOfOthers(t *testing.T) {
	m, err := alerting.New(alerting.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := epoch
	full := func(name mgmt.InstanceName) alerting.Host {
		return alerting.Host{Instance: name, Heard: now, Disks: []mgmt.Disk{{Use: "spool", Path: "/s", Total: 100, Free: 0}}}
	}
	state := func() map[mgmt.InstanceName]mgmt.AlertState {
		states := map[mgmt.InstanceName]mgmt.AlertState{}
		for _, a := range m.Book(now).Alerts {
			states[a.Instance] = a.State
		}
		return states
	}
	for range 200 {
		now = now.Add(5 * time.Second)
		m.Step(now, alerting.Sampled{Hosts: []alerting.Host{full("a")}})
		m.Step(now, alerting.Sampled{Hosts: []alerting.Host{full("b")}})
	}
	if got := state(); got["a"] != mgmt.AlertFiring || got["b"] != mgmt.AlertFiring {
		t.Fatalf("two disks are full: %v", got)
	}
	now = now.Add(5 * time.Second)
	m.Step(now, alerting.Sampled{Hosts: []alerting.Host{{Instance: "a", Heard: now}}})
	if got := state(); got["a"] != mgmt.AlertResolved || got["b"] != mgmt.AlertFiring {
		t.Errorf("the disk of a is not there any more: %v", got)
	}
}
