package mgmt

import "strings"

// States of an alert in a Happening that are no AlertState.
const (
	AlertToldAcknowledged = "acknowledged" // it fires, and a person has said that they know
	AlertToldSilenced     = "silenced"     // it fires, and nobody is told
	AlertToldUnsilenced   = "unsilenced"   // a silence has ended
)

// AlertIsTold reports whether receivers are told of a happening: that an alert fires, or that
// an alert has ended of which they were told.
func AlertIsTold(h *Happening) bool {
	return h.Kind == HappenedAlert && h.Alert != "" &&
		(h.To == string(AlertFiring) || h.To == string(AlertResolved) && h.From != AlertToldSilenced)
}

// AlertInfo describes a rule, for people.
type AlertInfo struct {
	Rule     AlertRule
	Severity AlertSeverity
	What     string // it watches for
	hint     string // $node, $instance and $subject stand for those of the alert
}

var alertInfos = []AlertInfo{
	{RuleInstanceAway, AlertCritical, "the agent of an instance with nodes is not connected, or takes no part", "look at the host and at its agent: zeekfleet hosts; on the host: zeekfleet agent nodes"},
	{RuleCertificate, AlertWarning, "a certificate is about to end", "zeekfleet cert list; agents renew theirs by themselves while they are connected; replace files that an organisation has signed"},
	{RuleClockSkew, AlertWarning, "the clock of a host differs from the controller's, or nothing keeps it right", "look at chronyd or ntpd on $instance: timedatectl"},
	{RuleControllerAway, AlertWarning, "a controller of the cluster is away", "look at its host: zeekfleet controllers; if it never comes back: zeekfleet controller remove NAME"},
	{RuleCrashLoop, AlertCritical, "a node crashes again and again, or is not started any more", "zeekfleet crashes $node; zeekfleet diag $node; zeekfleet rollback if a deployment has brought it"},
	{RuleDisk, AlertWarning, "a file system with state, spool or archive is nearly full", "make room on $instance, or keep the archive for a shorter time"},
	{RuleInterfaceNoLink, AlertCritical, "an interface on which nodes capture is down or has no link", "look at the cable, the tap and the switch: ip link show $subject on $instance"},
	{RuleNoPackets, AlertCritical, "an interface or a worker that had packets gets none any more", "look at the tap or the mirror port of $instance; tcpdump -i INTERFACE shows whether packets come"},
	{RuleNodeCrashed, AlertCritical, "a node has ended by itself", "zeekfleet crashes $node; zeekfleet diag $node"},
	{RuleNodeDown, AlertCritical, "a node that is to run does not run", "zeekfleet diag $node; zeekfleet start $node"},
	{RuleDrops, AlertWarning, "an interface or a worker loses packets", "more workers or CPUs on $instance, or less traffic for each; zeekfleet top shows the load"},
	{RuleStoreAlarm, AlertCritical, "the store of a controller complains: it may take no changes", "zeekfleet controllers says what about; make room on the disk of that controller, or raise the bound of the store"},
}

// AlertRuleInfo returns what a rule is. An unknown rule is one that warns.
func AlertRuleInfo(rule AlertRule) AlertInfo {
	for _, info := range alertInfos {
		if info.Rule == rule {
			return info
		}
	}
	return AlertInfo{Rule: rule, Severity: AlertWarning}
}

// AlertHint says what to do about an alert, or where to look. People copy its commands into a
// shell, and hosts choose some of the names: one that a shell might take for more than a name is
// left out.
func AlertHint(a *Alert) string {
	return strings.NewReplacer(
		"$node", hintName(string(a.Node), "NODE"), "$instance", hintName(string(a.Instance), "INSTANCE"), "$subject", hintName(a.Subject, "INTERFACE"),
	).Replace(AlertRuleInfo(a.Rule).hint)
}

// hintName returns name, or instead if name is not safe in a command.
func hintName(name, instead string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._:@-", r)
	}
	if name == "" || name[0] == '-' || strings.ContainsFunc(name, odd) {
		return instead
	}
	return name
}
