package bus

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// ErrClosed means that this side has said goodbye and closed the connection.
var ErrClosed = errors.New("connection closed by this side")

// ErrSilent means that a peer has sent nothing for too long, and has not answered a
// ping.
var ErrSilent = errors.New("peer is silent")

// nativeLink is the link of a native peer. One goroutine reads (reader.read), one
// writes (write). Every goroutine may close it.
type nativeLink struct {
	endpoint  *Endpoint
	conn      net.Conn
	raw       net.Conn // conn, or what is below its TLS
	info      Peer
	remote    ID
	allowance allowance
	seat      seat
	carried   carried
	filter    atomic.Pointer[wire.Filter] // of the peer
	queue     *sendQueue
	unsent    *share      // bytes in queue, while the peer is a newcomer
	reading   atomic.Bool // the reader waits for the peer; otherwise it waits for a subscription
	pongs     pongs
	ending    linkEnding
}

// linkEnding is the end of a link. The first reason counts.
type linkEnding struct {
	once   sync.Once
	done   chan struct{} // closed by close
	reason error         // set before done is closed
}

// pongs holds what the pongs of a peer mean.
type pongs struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next pong; nil if no goroutine waits for one
	bye  []byte        // payload of our goodbye; nil before it
}

func (l *nativeLink) peer() *Peer { return &l.info }

func (l *nativeLink) wants(topic string) bool { return l.filter.Load().Match(topic) }

func (l *nativeLink) send(m *outgoing) bool {
	frame := m.native()
	if frame == nil {
		return false
	}
	l.carried.sent.Add(1)
	return l.push(frame)
}

func (l *nativeLink) answer(m *outgoing) bool {
	frame := m.native()
	if frame == nil {
		return false
	}
	l.allowance.answered(len(frame))
	l.carried.sent.Add(1)
	return l.push(frame)
}

func (l *nativeLink) place() *seat { return &l.seat }

func (l *nativeLink) traffic() Traffic {
	t := l.carried.traffic(l.info, &l.seat)
	t.Queued, t.Limit = l.queue.length(), l.queue.maxFrames
	return t
}

func (l *nativeLink) meet() { l.allowance.known.Store(true) }

// announce queues the filter of this side, unless a filter of a higher version was
// queued before.
func (l *nativeLink) announce(version uint64, f wire.Filter) {
	frame := wire.AppendRoutingUpdate(nil, l.endpoint.id, l.remote, f)
	if !l.queue.pushFilter(version, frame) {
		l.close(errQueueFull)
	}
}

// push queues frame, or closes the link if there is no room.
func (l *nativeLink) push(frame []byte) bool {
	ok := l.queue.push(frame)
	if !ok {
		l.close(errQueueFull)
	}
	l.weigh()
	return ok
}

// weigh sets the newcomer's share of the bytes that wait.
func (l *nativeLink) weigh() {
	l.unsent.follow(func() int {
		if l.allowance.known.Load() {
			return 0
		}
		return max(0, l.queue.waiting()-largeMessage)
	})
}

// close ends the connection at once. The first reason counts.
func (l *nativeLink) close(reason error) {
	l.ending.once.Do(func() {
		l.ending.reason = reason
		close(l.ending.done)
		l.queue.stop()
		l.raw.Close() // like Broker, without TLS's close message
	})
}

// done is closed when the link was closed.
func (l *nativeLink) done() <-chan struct{} { return l.ending.done }

// err returns why the link was closed. It must be closed.
func (l *nativeLink) err() error {
	<-l.ending.done
	return l.ending.reason
}

// goodbye sends a goodbye to the peer. The peer's answer ends the connection.
func (l *nativeLink) goodbye() {
	bye := wire.ByePayload(1)
	l.pongs.expect(bye)
	l.push(wire.AppendPing(nil, l.endpoint.id, l.remote, bye))
}

// alive reports whether the peer answers a ping within probeTimeout. It also
// reports true if a full subscription has kept this side from reading: then the
// answer may be there unread.
func (l *nativeLink) alive(ctx context.Context) bool {
	pong := l.pongs.wait()
	l.push(wire.AppendPing(nil, l.endpoint.id, l.remote, []byte("alive?")))
	timer := time.NewTimer(probeTimeout)
	defer timer.Stop()
	select {
	case <-pong:
		return true
	case <-l.done():
		return false
	case <-timer.C:
		return !l.reading.Load()
	case <-ctx.Done():
		return true // the connection that would replace it has gone
	}
}

// wait returns a channel that is closed at the next pong.
func (p *pongs) wait() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = make(chan struct{})
	}
	return p.next
}

// expect says that a goodbye with this payload was sent.
func (p *pongs) expect(bye []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bye = bye
}

// arrived wakes every goroutine that waits for a pong. It reports whether the pong
// answers our goodbye.
func (p *pongs) arrived(payload []byte) (bye bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		close(p.next)
		p.next = nil
	}
	return p.bye != nil && string(payload) == string(p.bye)
}
