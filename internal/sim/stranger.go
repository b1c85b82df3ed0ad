package sim

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stranger is a program that says to be a controller, of one agent, and hangs up.
type stranger struct{}

func (*stranger) wants(topic) bool     { return false }
func (*stranger) peerAdded(*end)       {}
func (*stranger) peerLost(*end)        {}
func (*stranger) receive(*end, parcel) {}

// usurp has a stranger welcome an agent, and go after a while.
func (w *world) usurp() { w.usurpAgent(pick(w, w.agents), w.between(0, 5*time.Second)) }

func (w *world) usurpAgent(a *agentPart, stays time.Duration) {
	if a.ep == nil || a.host.cut {
		return
	}
	w.strangers++
	ep := &endpoint{id: mgmt.PeerID(fmt.Sprintf("stranger.%d", w.strangers)), part: &stranger{}, host: a.host}
	w.connect(&dialer{from: ep, stopped: true}, a.ep)
	w.send(ep.ends[0], parcel{topic{toAgents, a.name}, mgmt.AgentWelcomeRequest{ReqID: w.newReqID()}})
	w.after(stays, func() { w.vanish(ep, false) })
}
