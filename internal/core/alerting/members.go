package alerting

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// memberRule reports whether a rule is about the controllers of the cluster.
func memberRule(r mgmt.AlertRule) bool {
	return r == mgmt.RuleControllerAway || r == mgmt.RuleStoreAlarm
}

// members takes what is known of the controllers of the cluster.
func (t *turn) members(r *mgmt.ControllersReport) {
	current := map[string]bool{}
	see := func(f finding) {
		current[f.id()] = true
		t.observe(f)
	}
	for i := range r.Members {
		m := &r.Members[i]
		see(awayOf(m))
		if !r.External {
			see(alarmOf(m))
		}
	}
	for i := range r.Store {
		see(alarmOf(&r.Store[i]))
	}
	for _, id := range t.sorted() {
		if it := t.items[id]; memberRule(it.Rule) && !current[id] {
			it.level, it.why = gone, "it does not belong to the cluster any more"
		}
	}
}

// awayOf returns whether a controller is away.
func awayOf(m *mgmt.ControllerMember) finding {
	f := finding{rule: mgmt.RuleControllerAway, subject: clean(m.Name), level: good}
	if m.Role == mgmt.ControllerAway {
		f.level, f.text = bad, withCause(fmt.Sprintf("controller %s is away", m.Name), m.Err)
	}
	return f
}

// alarmOf returns whether the store of a controller complains. Of one that is away nobody knows.
func alarmOf(m *mgmt.ControllerMember) finding {
	f := finding{rule: mgmt.RuleStoreAlarm, subject: clean(m.Name), level: good}
	switch {
	case len(m.Alarms) > 0:
		f.level, f.text = bad, fmt.Sprintf("the store of %s complains: %s", m.Name, strings.Join(m.Alarms, "; "))
	case m.Role == mgmt.ControllerAway || m.Err != "":
		f.level = unknown
	}
	return f
}
