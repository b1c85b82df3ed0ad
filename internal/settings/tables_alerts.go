package settings

import (
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// receiversKey is the setting whose value is a section with a section for each receiver.
const receiversKey = "alerts.receivers"

// maxRepeat bounds alerts.repeat.
const maxRepeat = 30 * 24 * time.Hour

// alertsTable lists the settings of a controller's alerts.
func alertsTable() []setting[Controller] {
	table := []setting[Controller]{
		{key: "alerts.repeat", flag: "alert-repeat", env: "ZEEKFLEET_ALERT_REPEAT", initial: "4h",
			doc:   "how often receivers are told again of a critical alert that fires and that nobody has acknowledged; 0 for never",
			field: func(c *Controller) value { return durationAt(&c.Alerts.Repeat, 0, maxRepeat) }},
		{key: receiversKey, flag: "alert-receivers", env: "ZEEKFLEET_ALERT_RECEIVERS",
			doc:   "whom to tell of alerts: a section in the file with a section for each receiver, or the same as JSON; see the chapter Alerts in docs/operations.md",
			field: func(c *Controller) value { return receiversAt(&c.Alerts.Receivers) }},
	}
	defaults := alerting.Defaults()
	for _, rule := range mgmt.AlertRules() {
		table = append(table, setting[Controller]{
			key: "alerts.rules." + string(rule), flag: "alert-" + string(rule),
			env:     "ZEEKFLEET_ALERT_" + strings.ToUpper(strings.ReplaceAll(string(rule), "-", "_")),
			initial: formatRule(defaults[rule], defaults[rule]),
			doc:     "when to tell that " + mgmt.AlertRuleInfo(rule).What + ": " + strings.Join(ruleWords(defaults[rule]), ", ") + ", or off",
			field:   func(c *Controller) value { return ruleAt(&c.Alerts, rule, defaults[rule]) },
		})
	}
	return table
}
