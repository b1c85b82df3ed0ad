package agent

// Over one connection everything arrives in the order in which it was sent. Over
// two connections it does not: a controller that died may have sent a deployment
// that arrives after the deployments of its next life. So a peer may change nothing
// if a controller has connected after it: that controller leads. When the
// controller that leads is gone, the peers that connected before it must connect
// anew. A controller that lives does so in a moment. A dead controller cannot.
//
// Among controllers with terms, the terms say which one leads, and connections do not (see
// terms.go). Only if two controllers announce the same term, which a mistake of people can
// bring about, this rule counts among them, too.

// ledSince reports whether a peer that connected later than p leads.
func (ps *peers) ledSince(p *peer) bool {
	for _, o := range ps.known {
		if o.led && o.since > p.since && (o.term == 0 || p.term == 0 || o.term == p.term) {
			return true
		}
	}
	return false
}

// leadLost drops the controllers that connected before gone, if gone has led. A peer
// that has not said what it is stays connected until it makes a request that shows
// it to be a controller.
func (ps *peers) leadLost(gone *peer) {
	if !gone.led {
		return
	}
	for _, p := range ps.oldestFirst() {
		if p.since > gone.since || p.node != "" || gone.term > 0 && (p.term > 0 || p.hasLed) {
			continue
		}
		p.past = true
		if p.led {
			ps.drop(p)
		}
	}
}

func (ps *peers) drop(p *peer) {
	ps.emit(Drop{Peer: p.id, Reason: "another controller has led since"})
}
