package agent

// Over one connection everything arrives in the order in which it was sent. Over
// two connections it does not: a controller that died may have sent a deployment
// that arrives after those of its next life. So a peer that connected before the
// one that leads changes nothing. When the one that leads is gone, the peers from
// before it have to connect anew. A controller that lives does so in a moment; a
// dead one cannot.

// ledSince reports whether a peer that connected later than p leads.
func (ps *peers) ledSince(p *peer) bool {
	for _, o := range ps.known {
		if o.led && o.moment > p.moment {
			return true
		}
	}
	return false
}

// leadLost has the controllers connect anew that connected before gone, if gone
// has led. A peer that has not said what it is stays connected until it makes a
// request that only a controller makes.
func (ps *peers) leadLost(gone *peer) {
	if !gone.led {
		return
	}
	for _, p := range ps.oldestFirst() {
		if p.moment > gone.moment || p.node != "" {
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
