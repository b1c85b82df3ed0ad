package alerting

import (
	"cmp"
	"maps"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Rule has the settings of a rule.
type Rule struct {
	// Off says that the rule is not used.
	Off bool
	// Limit is what a value must pass for the alert, Critical what it must pass for the alert
	// to be critical, and Clear what it must come back to before the alert may end. They are in
	// the unit of the rule. Rules without a value ignore them. Critical zero means that the
	// severity is that of the rule.
	Limit, Critical, Clear float64
	// For is how long a trouble lasts before the alert fires, and Hold how long the trouble is
	// gone before the alert ends.
	For, Hold time.Duration
}

// Defaults are the settings of the rules that nobody has changed. They fit a sensor.
func Defaults() map[mgmt.AlertRule]Rule {
	return map[mgmt.AlertRule]Rule{
		mgmt.RuleNodeCrashed:     {Hold: 5 * time.Minute},
		mgmt.RuleCrashLoop:       {Limit: 5, For: 10 * time.Minute, Hold: 10 * time.Minute},
		mgmt.RuleNodeDown:        {For: 2 * time.Minute, Hold: 30 * time.Second},
		mgmt.RuleNoPackets:       {For: 5 * time.Minute, Hold: 30 * time.Second},
		mgmt.RuleDrops:           {Limit: 5, Clear: 2, For: 2 * time.Minute, Hold: 5 * time.Minute},
		mgmt.RuleInterfaceNoLink: {For: 30 * time.Second, Hold: 30 * time.Second},
		mgmt.RuleDisk:            {Limit: 90, Critical: 97, Clear: 85, For: time.Minute, Hold: time.Minute},
		mgmt.RuleCertificate:     {Limit: 14, Critical: 3, Clear: 15},
		mgmt.RuleInstanceAway:    {For: time.Minute, Hold: 30 * time.Second},
		mgmt.RuleControllerAway:  {For: 30 * time.Second, Hold: 10 * time.Second},
		mgmt.RuleStoreAlarm:      {For: 5 * time.Second, Hold: time.Minute},
		mgmt.RuleClockSkew:       {Limit: 5, Clear: 2, For: time.Minute, Hold: time.Minute},
	}
}

// Config has the rules and the bounds of a Machine. Its zero value works.
type Config struct {
	// Rules replace Defaults, each as a whole.
	Rules map[mgmt.AlertRule]Rule
	// Repeat is how often people are told again of a critical alert that fires and that nobody
	// has acknowledged. Zero means never.
	Repeat time.Duration
	// MaxAlerts bounds the alerts in any state, and MaxInstanceAlerts those of one instance. At
	// either bound, the alert that has ended first makes room: one of the same instance, if it
	// has one. If none has ended, further troubles are noted, and not told. But at MaxAlerts, an
	// instance with less than its share takes the place of an alert of the instance with the
	// most. Zero means 5000, and 300.
	MaxAlerts, MaxInstanceAlerts int
	// MaxSilences bounds the silences. Zero means 1000.
	MaxSilences int
	// MaxFlows bounds the interfaces and workers of which the machine remembers that they had
	// packets, and the nodes whose crashes it counts. MaxInstanceFlows bounds those of one
	// instance: it should be more than one sample names. At either bound, the instance loses
	// what its samples have not named for the longest time. Zero means 50,000, and 2000.
	MaxFlows, MaxInstanceFlows int
	// SaveDelay is how long a change may wait that the log has as well. Zero means 5 s.
	SaveDelay time.Duration
}

func (c Config) withDefaults() Config {
	rules := Defaults()
	maps.Copy(rules, c.Rules)
	c.Rules = rules
	c.MaxAlerts = cmp.Or(c.MaxAlerts, 5000)
	c.MaxInstanceAlerts = cmp.Or(c.MaxInstanceAlerts, 300)
	c.MaxSilences = cmp.Or(c.MaxSilences, 1000)
	c.MaxFlows = cmp.Or(c.MaxFlows, 50_000)
	c.MaxInstanceFlows = cmp.Or(c.MaxInstanceFlows, 2000)
	c.SaveDelay = cmp.Or(c.SaveDelay, 5*time.Second)
	return c
}

// What no setting changes.
const (
	// kept is how long an alert is shown that has ended.
	kept = 24 * time.Hour
	// flapMemory is how long an alert counts as coming back after it has ended, and maxHold is
	// the longest time for which the trouble must be gone then.
	flapMemory, maxHold = 6 * time.Hour, time.Hour
	// stale is how old an observation of a sample may be for an alert to fire.
	stale = 30 * time.Second
	// lateCrash is how long ago a crash may be of which an agent tells late.
	lateCrash = time.Hour
	// causeWait is how long an alert that a node has crashed waits for the log to tell the cause.
	causeWait = 2 * time.Second
	// steady is how long packets must come, with no break longer than shortBreak, for their
	// absence to be a trouble.
	steady, shortBreak = time.Minute, 15 * time.Second
	// unnamed is after what time a flow is forgotten that no sample names, and sweepEvery how
	// often such are looked for.
	unnamed, sweepEvery = 24 * time.Hour, 10 * time.Minute
	// fullEvery is how often it is noted that an instance has too many alerts.
	fullEvery = time.Hour
	// fewPackets is how many packets a second are too few for a share of drops.
	fewPackets = 10
	// longOperation is after what time an operation no longer excuses anything.
	longOperation = 30 * time.Minute
	// certificatesEvery is how often the ends of certificates are looked at.
	certificatesEvery = time.Hour
	// retell is when what could not be written into the log is written again, and maxUntold
	// bounds it.
	retell, maxUntold = 5 * time.Second, 10_000
)
