package settings

// The bounds of what the audit keeps.
const (
	minAudit, maxAudit = 100, 10_000_000
	maxAuditDays       = 36_500
	mostAgents         = 100_000
)

// auditTable lists the settings of a controller's audit, and the bound of its agents.
func auditTable() []setting[Controller] {
	return []setting[Controller]{
		{key: "controller.audit_file", flag: "audit-file", env: "ZEEKFLEET_AUDIT_FILE",
			doc:   "file that gets a copy of the audit, as lines of JSON; other programs may move it away (default: none)",
			field: func(c *Controller) value { return pathAt(&c.AuditFile, "file") }},
		{key: "controller.audit_keep", flag: "audit-keep", env: "ZEEKFLEET_AUDIT_KEEP", initial: "100000",
			doc:   "how many records of changes the audit keeps; it keeps a quarter as many refusals",
			field: func(c *Controller) value { return countAt(&c.AuditKeep, minAudit, maxAudit) }},
		{key: "controller.audit_days", flag: "audit-days", env: "ZEEKFLEET_AUDIT_DAYS", initial: "400",
			doc:   "how many days the audit keeps a record",
			field: func(c *Controller) value { return countAt(&c.AuditDays, 1, maxAuditDays) }},
		{key: "controller.max_agents", flag: "max-agents", env: "ZEEKFLEET_CONTROLLER_MAX_AGENTS", initial: "10000",
			doc:   "how many agents may be connected; each one takes an open file and some 100 kB of memory",
			field: func(c *Controller) value { return countAt(&c.MaxAgents, 1, mostAgents) }},
	}
}
