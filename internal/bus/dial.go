package bus

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// DialConfig says how a native peer is dialed. Its zero value works.
type DialConfig struct {
	// Transport is what the connection runs over. Zero means TransportAuto.
	Transport Transport
	// Retry is the time between attempts. Zero means one second, as in Zeek.
	Retry time.Duration
	// Spread returns by chance a number from 0 to 1. With it, each pause is up to a quarter
	// shorter or longer, so that many who dial do not do it at the same time. Nil means that
	// pauses have their exact length.
	Spread func() float64
	// ConnectTimeout bounds one attempt to connect, before the handshake. Zero
	// means five seconds.
	ConnectTimeout time.Duration
	// Connect opens the connection. Nil means TCP.
	Connect func(ctx context.Context, addr string) (net.Conn, error)
	// Advice is for the log.
	Advice Advice
}

// Advice says what a person can do about a peer that is not reached. An empty text means a
// general one.
type Advice struct {
	// OursRefused is for a peer that does not take our certificate, and TheirsUnknown for
	// one whose certificate none of our authorities has signed.
	OursRefused, TheirsUnknown string
}

// DefaultRetry is that of a DialConfig without one.
const DefaultRetry = time.Second

// incompatibleRetry is the time between attempts to reach a peer whose version of
// the protocol we do not speak. Somebody has to replace that peer first.
const incompatibleRetry = time.Minute

// withDefaults checks the config and fills in what is zero.
func (c DialConfig) withDefaults() (DialConfig, error) {
	var l limits
	l.duration("Retry", &c.Retry, DefaultRetry)
	l.duration("ConnectTimeout", &c.ConnectTimeout, 5*time.Second)
	if c.Connect == nil {
		c.Connect = func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err == nil {
				steady(conn)
			}
			return conn, err
		}
	}
	return c, errors.Join(l.errs...)
}

// Dial keeps one peering with the native endpoint at addr, a host:port, until ctx
// is done. Then it says goodbye to the peer, and returns ctx's cause when every
// goroutine that it started has ended. It returns another error only if cfg is
// invalid.
//
// When the peering is lost, Dial dials again at once, and after that about once per
// Retry. If the peer is reached and the handshake fails, the pause grows to 8 times Retry: a
// peer to which thousands connect at once gets time. While the same peer is connected by another connection, Dial waits.
func (e *Endpoint) Dial(ctx context.Context, addr string, cfg DialConfig) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("dial %s: %w", addr, err)
	}
	log := e.log.With("peer", addr)
	d := dialing{endpoint: e, addr: addr, cfg: cfg, log: log, retries: RetryLog{Log: log, With: "peer"}}
	for {
		began := time.Now()
		err := d.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := pause.For(ctx, d.pause(time.Since(began), err)); err != nil {
			return err
		}
	}
}

// dialing is one Dial.
type dialing struct {
	endpoint *Endpoint
	addr     string
	cfg      DialConfig
	log      *slog.Logger
	retries  RetryLog
	failed   int // handshakes, one after the other
}

// errLost is the end of a peering that was established. Any other error means that
// no peering was established.
type errLost struct{ cause error }

func (e errLost) Error() string { return e.cause.Error() }

// errUnreached is the end of an attempt to connect. The peer has seen nothing of it.
type errUnreached struct{ error }

func (e errUnreached) Unwrap() error { return e.error }

// once dials, and waits until the peering has ended. Then it returns an errLost.
func (d *dialing) once(ctx context.Context) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return errUnreached{err}
	}
	addr := addrPort(conn.RemoteAddr())
	p, err := d.endpoint.establish(ctx, conn, wire.Dialer, true, d.endpoint.dialer(d.cfg.Transport))
	if err != nil {
		if existing := d.existing(err); existing != nil {
			d.log.Debug("peer is connected already")
			d.retries.NotNeeded()
			return errLost{wait(ctx, existing.ended)}
		}
		if refusedCertificate(err) != nil {
			d.endpoint.report(DialedPeer, sourceOf(conn, Caller{}), err)
		}
		return err
	}
	// This is asked after the handshake: before it, the other side may not have
	// accepted the connection yet, and then no process has the socket.
	caller, denied := d.endpoint.screen(conn)
	if denied != nil && p.verdict.chain == nil {
		p.claim.release()
		conn.Close()
		err := fmt.Errorf("who listens there: %w", denied)
		d.endpoint.report(DialedPeer, sourceOf(conn, caller), err)
		return err
	}
	ended := d.retries.Connected("id", p.remote.String())
	err = d.endpoint.runPeering(ctx, p, Peer{Addr: addr, Dialed: true, Caller: caller, Denied: denied})
	ended(err, ctx.Err() != nil)
	return errLost{err}
}

func (d *dialing) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ConnectTimeout)
	defer cancel()
	return d.cfg.Connect(ctx, d.addr)
}

// existing returns the claim of an existing peering, if the handshake has failed
// because of it. Either side may have refused the connection.
func (d *dialing) existing(err error) *claim {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.existing
	}
	if de, ok := errors.AsType[*wire.DropError](err); ok && de.Code == wire.DropRedundant {
		return d.endpoint.claims.get(de.From)
	}
	return nil
}

// maxPause is the longest pause between two attempts, as a multiple of Retry.
const maxPause = 8

// pause logs err and returns how long to wait before the next attempt. It does not
// wait after a peering that has lasted for Retry. So a peer that closes every
// connection is dialed only once per Retry.
func (d *dialing) pause(took time.Duration, err error) time.Duration {
	if _, lost := errors.AsType[errLost](err); lost {
		d.failed = 0
		return max(0, d.cfg.Retry-took)
	}
	d.retries.Failed(explain(err, d.cfg.Advice))
	de, dropped := errors.AsType[*wire.DropError](err)
	_, unreached := errors.AsType[errUnreached](err)
	switch {
	case dropped && de.Code == wire.DropPeerIncompatible:
		return max(d.cfg.Retry, incompatibleRetry)
	case unreached, dropped && de.Code != wire.DropPeerUnavailable:
		d.failed = 0
		return d.spread(d.cfg.Retry)
	}
	d.failed++
	return d.spread(d.cfg.Retry * time.Duration(min(1<<min(d.failed-1, 10), maxPause)))
}

// spread makes a pause shorter or longer by chance.
func (d *dialing) spread(pause time.Duration) time.Duration {
	if d.cfg.Spread == nil {
		return pause
	}
	return time.Duration(float64(pause) * (0.75 + d.cfg.Spread()/2))
}

// explain adds to the error of an attempt what a person can do about it, where that
// is known.
func explain(err error, advice Advice) error {
	hint := ""
	_, notTLS := errors.AsType[tls.RecordHeaderError](err)
	de, dropped := errors.AsType[*wire.DropError](err)
	_, unknownAuthority := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case dropped && de.Code == wire.DropPeerIncompatible:
		hint = "the peer is of a version with which no peering is possible; it is tried once a minute"
	case notTLS:
		hint = "the peer speaks plain TCP: set the transport to plain here, or give the peer a certificate"
	case strings.HasSuffix(err.Error(), "tls: handshake failure"), strings.HasSuffix(err.Error(), "tls: protocol version not supported"):
		hint = "a Zeek without certificates speaks anonymous TLS, which cannot be dialed from here: " +
			"give both sides certificates, or set Broker::disable_ssl=T there and the transport to plain here"
	case unknownAuthority:
		hint = cmp.Or(advice.TheirsUnknown, "none of our authorities has signed the peer's certificate, or the peer was given none")
	case websocket.RemoteAlert(err):
		hint = cmp.Or(advice.OursRefused, "the peer does not take our certificate, or the lack of one")
	case errors.Is(err, errPeerTLS):
		hint = "set the transport to tls here, or, if it is a Zeek without certificates, Broker::disable_ssl=T there"
	case errors.Is(err, errProbe):
		hint = "it may be no Broker, or expect TLS: a Zeek does unless it has Broker::disable_ssl=T"
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}
