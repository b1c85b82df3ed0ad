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

// report reports a refusal to Config.OnRefused.
func (e *Endpoint) report(listener string, from source, err error) {
	if e.cfg.OnRefused == nil {
		return
	}
	e.cfg.OnRefused(Refusal{
		Addr: from.addr, Local: from.local, Caller: from.caller, Certificate: refusedCertificate(err),
		Reason: err.Error(), Listener: listener,
	})
}

// refusals logs the connections that a listener has refused. If a source address
// tries again every second, only a few refusals an hour are logged for it.
type refusals struct {
	limit int // of sources; beyond it the source that was refused least recently is forgotten

	mu sync.Mutex
	by map[netip.Addr]*refusedSource
}

type refusedSource struct {
	outage outage
	last   time.Time
}

// refused logs that a connection of source was refused, unless that was logged
// lately. If the peer is connected already, the refusal is no warning, because
// both sides may dial.
func (r *refusals) refused(log *slog.Logger, source netip.Addr, err error) {
	if isRedundant(err) {
		log.Info("connection refused", "err", err)
		return
	}
	if tell, lasted := r.add(time.Now(), source, err); tell {
		log.Warn("connection refused", "for", lasted.Round(time.Second), "err", err)
	}
}

// isRedundant reports whether a connection was refused because its peer is connected
// already.
func isRedundant(err error) bool {
	why, ok := errors.AsType[*refusal](err)
	return ok && why.existing != nil
}

func (r *refusals) add(now time.Time, source netip.Addr, err error) (tell bool, lasted time.Duration) {
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
	return one.outage.failed(now, err)
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
