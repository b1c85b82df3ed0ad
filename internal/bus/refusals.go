package bus

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Refusal is a connection that a listener has refused.
type Refusal struct {
	// Addr is where the connection comes from, and Local where it has come to.
	Addr, Local netip.AddrPort
	Caller      Caller
	// Certificate is the certificate because of which it was refused, or nil. Unless there
	// is an Identity, nobody has verified it.
	Certificate *x509.Certificate
	// Identity is that of a peer that has proved who it is. The bus itself sets none.
	Identity string
	// Reason is one line.
	Reason string
	// Listener is BrokerListener, WebSocketListener or DialedPeer.
	Listener string
	// Times counts the refusals of this source since the last one that was reported,
	// with this one.
	Times int
}

// The names of listeners in a Refusal.
const (
	BrokerListener    = "broker"
	WebSocketListener = "websocket"
	DialedPeer        = "dialed" // this side has opened the connection
)

// source is where a connection comes from.
type source struct {
	addr, local netip.AddrPort
	caller      Caller
}

func sourceOf(conn net.Conn, caller Caller) source {
	return source{addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr()), caller}
}

// refusals logs and reports the connections that a listener has refused. If a source
// address tries again every second, only a few refusals an hour are logged for it.
type refusals struct {
	limit    int // of sources; beyond it the source that was refused least recently is forgotten
	listener string
	report   func(Refusal) // nil reports nothing

	mu sync.Mutex
	by map[netip.Addr]*refusedSource
}

type refusedSource struct {
	outage outage
	last   time.Time
	untold int // refusals that were neither logged nor reported
}

// refused logs that a connection of source was refused, unless that was logged
// lately. If the peer is connected already, the refusal is no warning, because
// both sides may dial.
func (r *refusals) refused(log *slog.Logger, from source, err error) {
	if why, ok := errors.AsType[*refusal](err); ok && why.existing != nil {
		log.Info("connection refused", "err", err)
		return
	}
	if times, lasted := r.add(time.Now(), from.addr.Addr(), err); times > 0 {
		log.Warn("connection refused", "for", lasted.Round(time.Second), "err", err)
		r.tell(from, err, times)
	}
}

func (r *refusals) tell(from source, err error, times int) {
	if r.report == nil {
		return
	}
	r.report(Refusal{
		Addr: from.addr, Local: from.local, Caller: from.caller, Certificate: refusedCertificate(err),
		Reason: err.Error(), Listener: r.listener, Times: times,
	})
}

// add counts a refusal. It returns how many are to be told now; zero if none.
func (r *refusals) add(now time.Time, source netip.Addr, err error) (times int, lasted time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.by[source]
	if one == nil {
		if r.by == nil {
			r.by = map[netip.Addr]*refusedSource{}
		}
		if len(r.by) >= r.limit {
			delete(r.by, r.leastRecent())
		}
		one = new(refusedSource)
		r.by[source] = one
	}
	one.last = now
	one.untold++
	tell, lasted := one.outage.failed(now, err)
	if tell {
		times, one.untold = one.untold, 0
	}
	return times, lasted
}

// leastRecent returns the source that was refused least recently. The caller holds
// mu.
func (r *refusals) leastRecent() netip.Addr {
	var found netip.Addr
	var last time.Time
	for source, one := range r.by {
		if last.IsZero() || one.last.Before(last) {
			found, last = source, one.last
		}
	}
	return found
}

// accepted says that a connection of source was accepted, which ends its outage.
func (r *refusals) accepted(source netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, source)
}
