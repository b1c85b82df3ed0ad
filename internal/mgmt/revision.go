package mgmt

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ConfigRevision is a configuration that was staged or deployed.
type ConfigRevision struct {
	Revision uint64
	When     time.Time
	// Who is the name of the Principal who staged or deployed it.
	Who string
	Origin
	Config Configuration
	// Found has, sorted, the instances whose hosts the user has left open. Config has the
	// hosts that their agents had.
	Found []InstanceName
	// Assigned are the ports that the user has left open.
	Assigned AssignedPorts
}

// Origin says why a revision was made. A configuration that is only staged has none.
type Origin struct {
	// Note is what the user has said about it.
	Note string
	// Kind is OperationDeploy, OperationRollback, or OperationRevert.
	Kind OperationKind
	// From is the revision that was deployed before. Of is the revision whose content a
	// rollback or a revert has deployed again. Zero is none, or not known.
	From, Of uint64
	// Operation is the operation that has made it. Zero is not known.
	Operation OperationID
}

// PastConfig describes a configuration that was deployed.
type PastConfig struct {
	// Revision, When and Who are as in ConfigRevision.
	Revision uint64
	When     time.Time
	Who      string
	Origin
	// ID is the ID of the configuration. Instances and Nodes are their numbers in it.
	ID               string
	Instances, Nodes int
	// Bundles are the bundles of its nodes, each once, sorted by name.
	Bundles []Bundle
	// Bytes is the size of the configuration in the controller's store.
	Bytes int
	// Kept says that the store still has the configuration.
	Kept bool
}

// Given returns the configuration as it is deployed again: the hosts that the user has
// left open are open again, because agents may have other addresses today. So are the
// ports: nodes that are deployed have assigned ports today, with which they run.
func (r ConfigRevision) Given() Configuration {
	c := r.Config.WithoutPorts(r.Assigned)
	c.Instances = slices.Clone(c.Instances)
	for i, in := range c.Instances {
		if _, found := slices.BinarySearch(r.Found, in.Name); found {
			c.Instances[i].Host = UnknownHost
		}
	}
	return c
}

// NoRevisionError says that a revision, or its configuration, is not there.
type NoRevisionError struct {
	Revision uint64
	Reason   string
	// Described says that only its configuration is not there.
	Described bool
}

func (e *NoRevisionError) Error() string { return fmt.Sprintf("revision %d %s", e.Revision, e.Reason) }

// Past returns the description of a revision that was deployed before the present one. If
// there is none, or if its configuration is not kept, the error is a *NoRevisionError.
func (s *Snapshot) Past(revision uint64) (PastConfig, error) {
	i, ok := slices.BinarySearchFunc(s.History, revision, func(p PastConfig, r uint64) int { return cmp.Compare(p.Revision, r) })
	if ok {
		if past := s.History[i]; !past.Kept {
			return past, &NoRevisionError{
				Revision: revision, Described: true, Reason: "is described in the history, but its configuration is not kept any more" + s.oldestKept(),
			}
		}
		return s.History[i], nil
	}
	reason := "was never deployed"
	switch {
	case s.Deployed == nil:
		reason = "is not there: nothing was deployed yet"
	case revision > s.Deployed.Revision:
		reason = fmt.Sprintf("is not there: the newest is %d", s.Deployed.Revision)
	case len(s.History) == 0:
		reason = fmt.Sprintf("is not there: the only one that is known is %d", s.Deployed.Revision)
	case revision < s.History[0].Revision:
		reason = fmt.Sprintf("is not there: the oldest that is known is %d", s.History[0].Revision)
	}
	return PastConfig{}, &NoRevisionError{Revision: revision, Reason: reason}
}

func (s *Snapshot) oldestKept() string {
	i := slices.IndexFunc(s.History, func(p PastConfig) bool { return p.Kept })
	switch {
	case i >= 0:
		return fmt.Sprintf(": the oldest that is kept is %d", s.History[i].Revision)
	case s.Deployed != nil:
		return fmt.Sprintf(": only %d is", s.Deployed.Revision)
	}
	return ""
}
