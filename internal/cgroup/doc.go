// Package cgroup bounds what the processes of nodes use, with control groups: in scopes of
// systemd, or in groups that the agent makes itself in cgroup v2. It says whether the kernel
// has ended a process of a group because the group had no memory left.
//
// It starts no goroutines. Groups that the agent makes are below the agent's own group, which
// it must be allowed to divide. The agent then moves to a group "agent" there, because a group
// with members cannot have limits for its children.
package cgroup
