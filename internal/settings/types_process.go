package settings

// Process says how the processes of nodes run.
type Process struct {
	// NodeUser is the user as whom nodes run. Empty means that of the agent.
	NodeUser string
	// LimitsBy says what bounds them.
	LimitsBy LimitsBy
}

// LimitsBy says what bounds the processes of nodes.
type LimitsBy string

// The ways, as in package cgroup.
const (
	LimitsAuto    LimitsBy = "auto"
	LimitsSystemd LimitsBy = "systemd"
	LimitsGroup   LimitsBy = "cgroup"
	LimitsRlimit  LimitsBy = "rlimit"
)
