package bus

import (
	"fmt"
	"sync/atomic"
	"time"

	framing "github.com/coder/websocket"
)

// opPing is the ping's opcode as a type of message. The library's own Ping
// chooses the payload itself and waits for the pong; its Write puts the type
// into the frame as it is.
const opPing framing.MessageType = 9

// wsPings is the keepalive of one client (spec websocket 12).
type wsPings struct {
	interval time.Duration
	sent     int
	pong     atomic.Bool // heard since the last ping
}

// heard notes a pong, whatever it carries.
func (p *wsPings) heard() { p.pong.Store(true) }

// next returns the payload of the ping that is due. It reports false if the
// last one was not answered, unless the client is excused.
func (p *wsPings) next(excused bool) (payload []byte, ok bool) {
	if answered := p.pong.Swap(false); p.sent > 0 && !answered && !excused {
		return nil, false
	}
	payload = fmt.Appendf(nil, "ixwebsocket::heartbeat::%ds::%d", int(p.interval.Seconds()), p.sent)
	p.sent++
	return payload, true
}
