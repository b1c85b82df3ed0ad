package alerting_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// hubs are three controllers, of which the first leads.
func hubs(change func(*mgmt.ControllersReport)) alerting.Members {
	r := &mgmt.ControllersReport{Term: 4, Leader: "hub-1", Self: "hub-1", Members: []mgmt.ControllerMember{
		{Name: "hub-1", Role: mgmt.ControllerLeads}, {Name: "hub-2", Role: mgmt.ControllerFollows}, {Name: "hub-3", Role: mgmt.ControllerFollows},
	}}
	if change != nil {
		change(r)
	}
	return alerting.Members{Report: r}
}

func away(r *mgmt.ControllersReport) {
	r.Members[2].Role, r.Members[2].Err = mgmt.ControllerAway, "it has no session"
}

// after lets time pass, in which the Machine looks at the cluster, and gives it an event.
func (w *world) after(d time.Duration, ev alerting.Event) {
	end := w.now.Add(d)
	for {
		at, ok := w.m.NextWake()
		if !ok || at.After(end) {
			break
		}
		w.now = at
		w.step(alerting.Tick{})
	}
	w.now = end
	w.step(ev)
}

func (w *world) wants(what string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.told, want) {
		w.t.Errorf("%s: told %q, want %q", what, w.told, want)
	}
}

func TestAControllerThatIsAway(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.step(hubs(away))
	w.after(29*time.Second, alerting.Seen{Snapshot: w.snapshot()}) // which is about something else
	w.wants("after 29 s")
	w.after(time.Second, alerting.Tick{})
	w.wants("after 30 s", "controller-away/hub-3 >firing")
	if a := w.m.Book(w.now).Alerts[0]; a.Text != "controller hub-3 is away: it has no session" || a.Severity != mgmt.AlertWarning || a.Subject != "hub-3" {
		t.Errorf("got %+v", a)
	}
	w.after(time.Minute, hubs(nil))
	w.after(10*time.Second, alerting.Tick{})
	w.wants("when it is back", "controller-away/hub-3 >firing", "controller-away/hub-3 firing>resolved")
}

// A short absence, as at a change of the one that leads, is nothing.
func TestAControllerThatIsAwayForAMoment(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.step(hubs(away))
	w.after(20*time.Second, hubs(nil))
	w.after(time.Minute, alerting.Tick{})
	w.wants("in the end")
}

func TestAControllerThatIsRemovedIsNotAway(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.step(hubs(away))
	w.after(time.Minute, hubs(func(r *mgmt.ControllersReport) { r.Members = r.Members[:2] }))
	w.wants("in the end", "controller-away/hub-3 >firing", "controller-away/hub-3 firing>resolved")
}

func TestAStoreThatComplains(t *testing.T) {
	full := func(r *mgmt.ControllersReport) { r.Members[1].Alarms = []string{"NOSPACE: the database is full"} }
	w := newWorld(t, alerting.Config{})
	w.step(hubs(full))
	w.after(5*time.Second, alerting.Tick{})
	w.wants("at first", "store-alarm/hub-2 >firing")
	if a := w.m.Book(w.now).Alerts[0]; a.Text != "the store of hub-2 complains: NOSPACE: the database is full" || a.Severity != mgmt.AlertCritical {
		t.Errorf("got %+v", a)
	}
	// While nobody knows, it goes on.
	w.after(time.Second, hubs(func(r *mgmt.ControllersReport) { r.Members[1].Role = mgmt.ControllerAway }))
	w.after(10*time.Second, hubs(full))
	w.after(time.Second, hubs(nil))
	w.after(time.Minute, alerting.Tick{})
	w.wants("in the end", "store-alarm/hub-2 >firing", "store-alarm/hub-2 firing>resolved")
}

func TestAlarmsOfAStoreThatTheSiteRuns(t *testing.T) {
	w := newWorld(t, alerting.Config{})
	w.step(hubs(func(r *mgmt.ControllersReport) {
		r.External, r.Store = true, []mgmt.ControllerMember{{Name: "etcd-a", Alarms: []string{"NOSPACE"}}}
	}))
	w.after(5*time.Second, alerting.Tick{})
	w.wants("at first", "store-alarm/etcd-a >firing")
}

// The controller that leads next goes on where the one before was.
func TestAlertsAboutControllersOutliveTheLead(t *testing.T) {
	w := newWorld(t, alerting.Config{SaveDelay: time.Millisecond})
	w.step(hubs(away))
	w.after(time.Minute, alerting.Tick{})
	w.begin(alerting.Config{}, w.state)
	w.step(hubs(away))
	w.after(time.Minute, hubs(nil))
	w.after(time.Minute, alerting.Tick{})
	w.wants("in the end", "controller-away/hub-3 >firing", "controller-away/hub-3 firing>resolved")
}
