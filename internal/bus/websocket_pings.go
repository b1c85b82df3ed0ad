package bus

import (
	"fmt"
	"sync/atomic"
	"time"

	framing "github.com/coder/websocket"
)

// opPing is the opcode of a ping, as a message type of the framing library. The
// library's Write puts the type into the frame unchanged. The library's own Ping is
// not used, because it chooses the payload itself and waits for the pong.
const opPing framing.MessageType = 9

// wsPings is the keepalive of one client (spec websocket 12).
type wsPings struct {
	interval time.Duration
	sent     int
	pong     atomic.Bool // a pong has come since the last ping
}

// heard says that a pong has come, with any payload.
func (p *wsPings) heard() { p.pong.Store(true) }

// next returns the payload of the next ping. It reports false if the last ping was
// not answered. excused says that the answer may be there unread.
func (p *wsPings) next(excused bool) (payload []byte, ok bool) {
	if answered := p.pong.Swap(false); p.sent > 0 && !answered && !excused {
		return nil, false
	}
	payload = fmt.Appendf(nil, "ixwebsocket::heartbeat::%ds::%d", int(p.interval.Seconds()), p.sent)
	p.sent++
	return payload, true
}
