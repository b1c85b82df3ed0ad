package settings

import "time"

// Bounds of settings about nodes and logs.
const (
	minPatience, maxPatience = time.Second, 24 * time.Hour
	maxKeepDays              = 100_000
	maxGiveUp                = 1000
	minMemoryLimit           = 16 << 20 // bytes; no program starts with less
)

// nodesTable lists the settings about the life of an agent's nodes.
func nodesTable() []setting[Agent] {
	table := []setting[Agent]{
		{key: "agent.preflight", flag: "preflight", env: "ZEEKFLEET_PREFLIGHT", initial: "on",
			doc:   "preflight: find problems that would keep nodes from running, before a deployment changes anything: on, off, or strict, which also refuses a deployment if a check has not ended in time",
			field: func(a *Agent) value { return preflightAt(&a.Preflight) }},
	}
	table = append(table, perRole("start_deadline", "start-deadline", "ZEEKFLEET_START_DEADLINE",
		"how long a %s may take to start before it is reported",
		func(a *Agent) *PerRole { return &a.Lifecycle.StartDeadline })...)
	table = append(table, perRole("stop_grace", "stop-grace", "ZEEKFLEET_STOP_GRACE",
		"how long a %s may take to end before it is killed",
		func(a *Agent) *PerRole { return &a.Lifecycle.StopGrace })...)
	return append(table, []setting[Agent]{
		{key: "agent.stop_nodes", flag: "stop-nodes", env: "ZEEKFLEET_STOP_NODES", initial: string(StopNodesAuto),
			doc: "stop the nodes when the agent is asked to end: always, never, or auto (if the agent is the first process of a container)",
			field: func(a *Agent) value {
				return choiceAt(&a.Lifecycle.StopNodes, "stop_nodes", StopNodesAuto, StopNodesAlways, StopNodesNever)
			}},
		{key: "agent.drain", flag: "drain", env: "ZEEKFLEET_DRAIN", initial: "0s",
			doc:   "how long an agent that stops its nodes may take until it has ended: a little less than the time after which a container is killed; nodes that need longer are killed; 0 for no bound",
			field: func(a *Agent) value { return drainAt(&a.Lifecycle.Drain) }},
		{key: "agent.backoff.first", flag: "backoff-first", env: "ZEEKFLEET_BACKOFF_FIRST", packages: true,
			doc:   "pause before a node that ended by itself is started again; it doubles with every third failure",
			field: func(a *Agent) value { return durationAt(&a.Lifecycle.BackoffFirst, minTimeout, maxPatience) }},
		{key: "agent.backoff.max", flag: "backoff-max", env: "ZEEKFLEET_BACKOFF_MAX", packages: true,
			doc:   "longest of these pauses",
			field: func(a *Agent) value { return durationAt(&a.Lifecycle.BackoffMax, minTimeout, maxPatience) }},
		{key: "agent.backoff.reset", flag: "backoff-reset", env: "ZEEKFLEET_BACKOFF_RESET", packages: true,
			doc:   "time that a node must have been up for its failures to be forgotten",
			field: func(a *Agent) value { return durationAt(&a.Lifecycle.BackoffReset, minTimeout, maxPatience) }},
		{key: "agent.backoff.give_up", flag: "backoff-give-up", env: "ZEEKFLEET_BACKOFF_GIVE_UP", packages: true,
			doc:   "failures in a row after which a node is FAILED",
			field: func(a *Agent) value { return countAt(&a.Lifecycle.GiveUp, 1, maxGiveUp) }},
		{key: "agent.backoff.retry", flag: "backoff-retry", env: "ZEEKFLEET_BACKOFF_RETRY", packages: true,
			doc:   "pause between further attempts to start a FAILED node",
			field: func(a *Agent) value { return durationAt(&a.Lifecycle.BackoffRetry, minPatience, maxPatience) }},
	}...)
}

// archiveTable lists the settings about rotated logs.
func archiveTable() []setting[Agent] {
	return []setting[Agent]{
		{key: "agent.spool_dir", flag: "spool-dir", env: "ZEEK_MANAGEMENT_SPOOL_DIR",
			doc:   "directory in whose log-queue nodes put rotated logs (default: spool in the state directory)",
			field: func(a *Agent) value { return pathAt(&a.SpoolDir, "dir") }},
		{key: "agent.archive_logs", flag: "archive-logs", env: "ZEEKFLEET_ARCHIVE_LOGS", initial: "true",
			doc:   "archive rotated logs",
			field: func(a *Agent) value { return notAt(&a.Archive.Off) }},
		{key: "agent.archive_dir", flag: "archive-dir", env: "ZEEKFLEET_ARCHIVE_DIR",
			doc:   "directory of the archive (default: logs in the state directory)",
			field: func(a *Agent) value { return pathAt(&a.Archive.Dir, "dir") }},
		{key: "agent.archive_interval", flag: "archive-interval", env: "ZEEKFLEET_ARCHIVE_INTERVAL", packages: true,
			doc:   "time between two sweeps of the queue",
			field: func(a *Agent) value { return durationAt(&a.Archive.Interval, minPatience, maxPatience) }},
		{key: "agent.archive_at_once", flag: "archive-at-once", env: "ZEEKFLEET_ARCHIVE_AT_ONCE", initial: "true",
			doc:   "sweep the queue whenever a file comes into it",
			field: func(a *Agent) value { return notAt(&a.Archive.Periodic) }},
		{key: "agent.archive_cmd", flag: "archive-cmd", env: "ZEEKFLEET_ARCHIVE_CMD",
			doc:   "program, with arguments, that archives instead of the agent, such as /opt/zeek/bin/zeek-archiver",
			field: func(a *Agent) value { return wordsAt(&a.Archive.Command, "command") }},
		{key: "agent.archive_level", flag: "archive-level", env: "ZEEKFLEET_ARCHIVE_LEVEL", packages: true,
			doc:   "level of compression, as with gzip; 0 for none",
			field: func(a *Agent) value { return countAt(&a.Archive.Level, 0, 9) }},
		{key: "agent.removed_keep_days", flag: "removed-keep-days", env: "ZEEKFLEET_REMOVED_KEEP_DAYS", initial: "7",
			doc:   "days for which the directory of a removed node is kept; its logs are archived then; 0 for ever",
			field: func(a *Agent) value { return countAt(&a.RemovedKeepDays, 0, maxKeepDays) }},
		{key: "agent.archive_keep_days", flag: "archive-keep-days", env: "ZEEKFLEET_ARCHIVE_KEEP_DAYS", initial: "0",
			doc:   "days for which archived logs are kept; 0 for ever",
			field: func(a *Agent) value { return countAt(&a.Archive.KeepDays, 0, maxKeepDays) }},
		{key: "agent.archive_disk_percent", flag: "archive-disk-percent", env: "ZEEKFLEET_ARCHIVE_DISK_PERCENT", initial: "0",
			doc:   "how full, in percent, its file system may become before the oldest archived logs are removed; 0 for no limit",
			field: func(a *Agent) value { return countAt(&a.Archive.DiskPercent, 0, 99) }},
	}
}
