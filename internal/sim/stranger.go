package sim

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stranger is a program that claims to be an agent's controller, and hangs up.
type stranger struct{}

func (*stranger) wants(topic) bool     { return false }
func (*stranger) peerAdded(*end)       {}
func (*stranger) peerLost(*end)        {}
func (*stranger) receive(*end, parcel) {}

// usurp lets a stranger welcome an agent. The stranger leaves after a while.
func (ch *chaos) usurp() { ch.usurpAgent(pick(ch.dice, ch.agents), ch.between(0, 5*time.Second)) }

func (ch *chaos) usurpAgent(a *agentPart, stays time.Duration) {
	if a.ep == nil || a.host.cut {
		return
	}
	ch.strangers++
	ep := &endpoint{id: mgmt.PeerID(fmt.Sprintf("stranger.%d", ch.strangers)), part: &stranger{}, host: a.host}
	ch.net.connect(&dialer{from: ep, stopped: true}, a.ep)
	ch.net.send(ep.ends[0], parcel{topic{toAgents, a.name}, mgmt.AgentWelcomeRequest{ReqID: ch.newReqID()}})
	ch.after(stays, func() { ch.net.vanish(ep, false) })
}
