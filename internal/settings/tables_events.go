package settings

// The bounds of what the log of happenings keeps.
const (
	minEvents, maxEvents = 1000, 100_000_000
	maxEventsMegabytes   = 1 << 20
)

// eventsTable lists the settings of a controller's log of happenings.
func eventsTable() []setting[Controller] {
	return []setting[Controller]{
		{key: "controller.events_keep", flag: "events-keep", env: "ZEEKFLEET_EVENTS_KEEP", initial: "1000000",
			doc:   "how many events the controller keeps (zeekfleet events)",
			field: func(c *Controller) value { return countAt(&c.EventsKeep, minEvents, maxEvents) }},
		{key: "controller.events_days", flag: "events-days", env: "ZEEKFLEET_EVENTS_DAYS", initial: "400",
			doc:   "how many days the controller keeps an event",
			field: func(c *Controller) value { return countAt(&c.EventsDays, 1, maxAuditDays) }},
		{key: "controller.events_megabytes", flag: "events-megabytes", env: "ZEEKFLEET_EVENTS_MEGABYTES", initial: "512",
			doc:   "how many MiB of disk the events take at most",
			field: func(c *Controller) value { return countAt(&c.EventsMegabytes, 1, maxEventsMegabytes) }},
	}
}
