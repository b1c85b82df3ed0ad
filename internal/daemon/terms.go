package daemon

import (
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Controllers of one cluster and their agents tell each other terms by subscriptions to
// topics on which nothing is sent (docs/decisions/0062). Each topic ends with a slash, so that
// none is a prefix of another one.
const (
	// fleetTerm and a number is the subscription of a controller that leads in that term.
	fleetTerm = fleetTopics + "/term/"
	// fleetObeys and a number is the subscription of an agent that obeys no controller with a
	// smaller term. An agent that has obeyed no term has no such subscription.
	fleetObeys = fleetTopics + "/obeys/"
	// fleetControllers is the prefix of the topics on which agents are told where the
	// controllers are (mgmt.ControllersChanged): the agent's name and a slash follow.
	fleetControllers = fleetTopics + "/controllers/"
)

func termTopic(term uint64) string { return fleetTerm + strconv.FormatUint(term, 10) + "/" }

func obeysTopic(term uint64) string { return fleetObeys + strconv.FormatUint(term, 10) + "/" }

func controllersTopic(instance mgmt.InstanceName) string {
	return fleetControllers + string(instance) + "/"
}

// announcedTerm returns the greatest number that a peer announces below a prefix. It is zero
// if the peer announces none. What is no number does not count.
func announcedTerm(topics bus.Topics, prefix string) (greatest uint64) {
	for _, rest := range topics.Below(prefix) {
		text, ok := strings.CutSuffix(rest, "/")
		if n, err := strconv.ParseUint(text, 10, 64); ok && err == nil {
			greatest = max(greatest, n)
		}
	}
	return greatest
}
