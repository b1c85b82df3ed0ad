package mgmt

import "time"

// An Alert is something in the cluster that needs a person. Its ID is its rule and its
// subject, so that one trouble is one alert, however often it is seen.
type Alert struct {
	ID       string // "rule/subject", such as "node-crashed/sensor-1/worker-2"
	Rule     AlertRule
	Severity AlertSeverity
	State    AlertState
	Instance InstanceName
	Node     NodeName
	// Subject is what else it is about: an interface, a disk, a certificate.
	Subject string
	// Text says in a sentence for people what is wrong, and Hint what to do or look at.
	Text, Hint string
	// Since is when the trouble began, Fired when the alert fired, and Resolved when it ended.
	Since, Fired, Resolved time.Time
	// Value is what was measured, and Limit the rule's threshold, if the rule has one.
	Value, Limit float64
	Unit         string
	// Acknowledged says who has said that they know of it, when and what they noted.
	Acknowledged *AlertMark
	// Silenced is the silence that covers the alert, if any.
	Silenced *Silence
}

// AlertState is the state of an alert.
type AlertState string

// The states of an alert.
const (
	AlertPending  AlertState = "pending"  // the trouble has not lasted long enough
	AlertFiring   AlertState = "firing"   // people are told
	AlertResolved AlertState = "resolved" // it ended lately
)

// AlertSeverity says how soon a person is needed.
type AlertSeverity string

// The severities.
const (
	AlertCritical AlertSeverity = "critical" // capture is lost: call somebody
	AlertWarning  AlertSeverity = "warning"  // somebody should look today
)

// AlertRule names a rule.
type AlertRule string

// The rules.
const (
	RuleNodeCrashed     AlertRule = "node-crashed"
	RuleCrashLoop       AlertRule = "crash-loop"
	RuleNodeDown        AlertRule = "node-down"
	RuleNoPackets       AlertRule = "no-packets"
	RuleDrops           AlertRule = "packet-drops"
	RuleDisk            AlertRule = "disk-full"
	RuleCertificate     AlertRule = "certificate-ends"
	RuleInstanceAway    AlertRule = "agent-away"
	RuleClockSkew       AlertRule = "clock-skew"
	RuleInterfaceNoLink AlertRule = "link-down"
	RuleControllerAway  AlertRule = "controller-away"
	RuleStoreAlarm      AlertRule = "store-alarm"
)

// AlertMark says who did something, and when.
type AlertMark struct {
	Who  string
	Time time.Time
	Note string
}

// A Silence keeps alerts from being told until it ends. Empty fields match everything; at
// least one is not empty.
type Silence struct {
	ID       uint64
	Rule     AlertRule
	Instance InstanceName
	Node     NodeName
	Subject  string
	Until    time.Time
	AlertMark
}

// Matches reports whether a silence covers an alert at a time.
func (s *Silence) Matches(a *Alert, now time.Time) bool {
	return now.Before(s.Until) &&
		(s.Rule == "" || s.Rule == a.Rule) && (s.Instance == "" || s.Instance == a.Instance) &&
		(s.Node == "" || s.Node == a.Node) && (s.Subject == "" || s.Subject == a.Subject)
}
