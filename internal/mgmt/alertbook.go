package mgmt

import (
	"cmp"
	"sort"
	"time"
)

// AlertBook is what is known of alerts at one moment. It does not change.
type AlertBook struct {
	// Alerts are sorted by CompareAlerts.
	Alerts []Alert
	// Silences are those that have not ended, by ID.
	Silences []Silence
	// Receivers are in the order of the settings.
	Receivers []AlertReceiver
}

// CompareAlerts puts those first that need a person soonest: those that fire before those that
// may fire soon, and those that ended last; the ones that nobody has acknowledged, and that are
// not silenced; the critical ones; the newest.
func CompareAlerts(a, b Alert) int {
	return cmp.Or(
		cmp.Compare(a.urgency(), b.urgency()), b.changed().Compare(a.changed()), cmp.Compare(a.ID, b.ID),
	)
}

// SortAlerts sorts alerts by CompareAlerts.
func SortAlerts(list []Alert) {
	sort.Slice(list, func(i, j int) bool { return CompareAlerts(list[i], list[j]) < 0 })
}

// urgency is less for an alert that needs a person sooner.
func (a *Alert) urgency() int {
	rank := 0
	switch a.State {
	case AlertPending:
		rank += 8
	case AlertResolved:
		rank += 16
	}
	if a.Acknowledged != nil || a.Silenced != nil {
		rank += 4
	}
	if a.Severity != AlertCritical {
		rank += 2
	}
	return rank
}

// changed is when the alert got its state.
func (a *Alert) changed() time.Time {
	switch a.State {
	case AlertPending:
		return a.Since
	case AlertResolved:
		return a.Resolved
	}
	return a.Fired
}

// NeedsAPerson reports whether an alert fires that is critical, and that nobody has
// acknowledged or silenced.
func (a *Alert) NeedsAPerson() bool {
	return a.State == AlertFiring && a.Severity == AlertCritical && a.Acknowledged == nil && a.Silenced == nil
}

// AlertReceiverKind says how a receiver is told.
type AlertReceiverKind string

// The kinds of receivers.
const (
	ReceiverWebhook AlertReceiverKind = "webhook"
	ReceiverSlack   AlertReceiverKind = "slack"
	ReceiverCommand AlertReceiverKind = "command"
)

// AlertReceiver is a receiver of alerts, and how it is.
type AlertReceiver struct {
	Name string
	Kind AlertReceiverKind
	// Target is the host of a webhook, or the program of a command. It has nothing secret.
	Target string
	// Failing says that the last attempt has failed: since when, why, and when the next
	// attempt is made.
	Failing bool
	Since   time.Time
	Error   string
	Next    time.Time
	// Waiting counts the messages that wait for it.
	Waiting int
	// Delivered and Lost count messages since the controller started. Last is when it got one.
	Delivered, Lost uint64
	Last            time.Time
}

// AlertRules are all rules, sorted.
func AlertRules() []AlertRule {
	return []AlertRule{
		RuleInstanceAway, RuleCertificate, RuleClockSkew, RuleControllerAway, RuleCrashLoop, RuleDisk, RuleInterfaceNoLink, RuleNoPackets,
		RuleNodeCrashed, RuleNodeDown, RuleDrops, RuleStoreAlarm,
	}
}
