package controller

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// backends are the cluster backends that agents would use. Each agent chooses by its own
// Zeek unless the configuration chooses: agents with different versions may choose
// differently, and their nodes would not find each other.
type backends struct {
	first mgmt.InstanceName
	is    mgmt.Backend
}

// take notes the choice of an agent. It returns why the cluster would fall apart, or nothing.
func (b *backends) take(name mgmt.InstanceName, is mgmt.Backend) string {
	switch {
	case is == "" || is == b.is:
	case b.is == "":
		b.first, b.is = name, is
	default:
		return fmt.Sprintf("the nodes of instance '%s' would speak %s, and those of instance '%s' %s: their versions or settings of Zeek differ, and a cluster has one backend; say backend = broker or backend = zeromq in the section [cluster] of the cluster file",
			b.first, b.is.Title(), name, is.Title())
	}
	return ""
}
