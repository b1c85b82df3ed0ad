package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/web"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// pass passes a request on to the controller that leads.
func (r *Relay) pass(w http.ResponseWriter, req *http.Request, c web.Connection) {
	out := http.NewResponseController(w)
	if err := out.SetReadDeadline(time.Time{}); err != nil { // the body has its own deadlines
		return
	}
	key, age := r.mayKeep(req, c)
	if age > 0 && r.kept.answer(w, key, age) {
		return
	}
	body := &tracked{from: req.Body, out: out, patience: r.cfg.Patience}
	one := &passing{Relay: r, body: body}
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.Header.Set(websocket.ForHeader, forWhom(c).Text())
		},
		// What the proxy wants to hear of the way is left out: it would tell the caller to go on
		// with a body that is under way.
		Transport: roundTrip(func(out *http.Request) (*http.Response, error) { return one.send(out.WithContext(req.Context())) }),
		ModifyResponse: func(answer *http.Response) error {
			clear(w.Header()) // the answer has its own
			if leader, _ := r.leads.now(); leader.Name == r.cfg.Name && answer.StatusCode != http.StatusSwitchingProtocols {
				answer.Header.Set("Connection", "close") // the next request needs no other controller
			}
			if age > 0 {
				r.kept.take(key, answer)
			}
			return nil
		},
		ErrorHandler: one.failed,
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(&patient{w, out, r.cfg.Patience}, req)
	out.SetReadDeadline(time.Now().Add(r.cfg.Patience)) // net/http reads what is left of the body
}

// forWhom returns what the controller that leads must know of a caller.
func forWhom(c web.Connection) access.Passed {
	p := access.Passed{Source: c.Remote, Secure: c.Secure, Here: c.Here, Certificate: c.Certificate}
	who, err := c.Who("")
	if err != nil {
		p.Denied = err.Error()
		return p
	}
	p.Name, p.Role = who.Name, who.Role
	return p
}

// passing is one request on its way to the controller that leads.
type passing struct {
	*Relay
	body *tracked
	// sent says that a controller may have got the request.
	sent atomic.Bool
	last error
}

var (
	errNoLeader = errors.New("no controller leads at the moment")
	errUnknown  = errors.New("the controller that leads did not answer, and whether it has done what was asked is not known: look before you ask again")
)

// roundTrip is an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// send sends the request to the controller that leads, and returns the answer. While
// none leads, it waits.
func (p *passing) send(req *http.Request) (*http.Response, error) {
	var patience <-chan time.Time
	for {
		leader, changed := p.leads.now()
		if leader.Name != "" {
			answer, err := p.attempt(req, leader)
			switch {
			case req.Context().Err() != nil:
				return answer, err
			case err == nil && answer.Header.Get(api.NoLeaderHeader) == "":
				return answer, nil
			case !p.mayRepeat(req, err):
				if err == nil {
					return answer, nil
				}
				return nil, fmt.Errorf("%w (%v)", errUnknown, err)
			}
			if err == nil {
				answer.Body.Close()
				err = fmt.Errorf("controller %s does not lead", leader.Name)
			}
			p.last = err
		}
		if patience == nil {
			timer := time.NewTimer(p.cfg.LeaderWait)
			defer timer.Stop()
			patience = timer.C
		}
		again := p.again(leader)
		select {
		case <-changed:
		case <-again:
		case <-patience:
			return nil, errNoLeader
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
}

// again returns when to try a controller again that leads. It is nil if none leads.
func (p *passing) again(leader Leader) <-chan time.Time {
	if leader.Name == "" {
		return nil
	}
	return time.After(p.cfg.RetryDelay)
}

// mayRepeat reports whether a request may be sent again that has failed with err. Nil means
// that a controller has answered that it does not lead.
func (p *passing) mayRepeat(req *http.Request, err error) bool {
	switch {
	case p.body.read.Load():
		return false
	case err == nil || !p.sent.Load() || hasBody(req):
		return true // nobody carries out a request without its body
	}
	return !changes(req)
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// changes reports whether a request may change something.
func changes(req *http.Request) bool {
	return req.Method != http.MethodGet && req.Method != http.MethodHead
}

// attempt sends the request to a controller.
func (p *passing) attempt(req *http.Request, leader Leader) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	done := p.leads.begin(leader, changes(req), cancel)
	end := func() { done(); cancel(nil) }
	p.sent.Store(false)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { p.sent.Store(true) }})
	out := req.Clone(withAddresses(ctx, leader.Name, leader.Addresses))
	out.URL.Scheme, out.URL.Host = "https", hostOf(leader.Name)
	over := p.Relay.passing
	switch {
	case hasBody(req):
		out.Body = &attempted{of: p.body}
		out.Header.Set("Expect", "100-continue") // a controller that does not lead leaves the body alone
	case changes(req):
		over = p.Relay.fresh
	}
	answer, err := over.RoundTrip(out)
	if err != nil {
		if context.Cause(ctx) == errLeadOver {
			err = errLeadOver
		}
		end()
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	body := &answered{ReadCloser: answer.Body, ctx: ctx, end: end, stream: kind == api.ContentEventStream}
	if duplex, ok := answer.Body.(io.ReadWriteCloser); ok && answer.StatusCode == http.StatusSwitchingProtocols {
		stop := context.AfterFunc(ctx, func() { duplex.Close() })
		body.end = func() { stop(); end() }
		answer.Body = &upgraded{body, duplex}
		return answer, nil
	}
	answer.Body = body
	return answer, nil
}

// failed answers a request that was not answered.
func (p *passing) failed(w http.ResponseWriter, req *http.Request, err error) {
	switch {
	case req.Context().Err() != nil && p.mayRepeat(req, err): // the caller has gone, or this controller ends
		noLeader(w, req, ends)
	case req.Context().Err() != nil:
		problem(w, http.StatusBadGateway, errUnknown.Error())
	case errors.Is(err, errNoLeader):
		p.cfg.Logger.Warn("no controller that leads could be asked", "err", p.last)
		noLeader(w, req, "no controller leads at the moment, or it cannot be reached: try again")
	default:
		p.cfg.Logger.Warn("a request was not answered", "err", err)
		problem(w, http.StatusBadGateway, errUnknown.Error())
	}
}

// tracked is the body of a request.
type tracked struct {
	from     io.ReadCloser
	out      *http.ResponseController
	patience time.Duration
	read     atomic.Bool // a part of it was read
}

// attempted is the body in one attempt.
type attempted struct {
	of     *tracked
	mu     sync.Mutex
	closed bool
}

func (a *attempted) Read(b []byte) (int, error) {
	if !a.begin() {
		return 0, http.ErrBodyReadAfterClose
	}
	if err := a.of.out.SetReadDeadline(time.Now().Add(a.of.patience)); err != nil {
		return 0, err
	}
	n, err := a.of.from.Read(b)
	if err == io.EOF {
		a.of.out.SetReadDeadline(time.Time{}) // net/http looks whether the caller goes away
	}
	return n, err
}

// begin says that the body is read from now on. It returns false if the attempt is over.
func (a *attempted) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.of.read.Store(true)
	}
	return !a.closed
}

// Close ends the attempt alone: another one may need the body.
func (a *attempted) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return nil
}

// answered is the body of an answer.
type answered struct {
	io.ReadCloser
	ctx    context.Context
	end    func()
	stream bool
}

// Read reads the body. A stream that breaks has an end, so that its reader goes on with
// another one. Of anything else the reader must see that it is not whole.
func (a *answered) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	switch {
	case err != nil && a.stream:
		err = io.EOF
	case err == io.EOF && context.Cause(a.ctx) == errLeadOver:
		err = errLeadOver // its end may be that of its controller
	}
	return n, err
}

func (a *answered) Close() error {
	a.end()
	return a.ReadCloser.Close()
}

// upgraded is a connection that was a request, such as a WebSocket.
type upgraded struct {
	*answered
	io.Writer
}

// patient is an answer whose reader has the patience for each part of it.
type patient struct {
	http.ResponseWriter
	out      *http.ResponseController
	patience time.Duration
}

func (p *patient) Write(part []byte) (int, error) {
	if err := p.out.SetWriteDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(part)
}

// Unwrap lets an http.ResponseController reach the connection.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// ends is what a controller says that ends.
const ends = "this controller ends: ask another one"

// noLeader answers a request that nobody has carried out.
func noLeader(w http.ResponseWriter, req *http.Request, why string) {
	w.Header().Set("Retry-After", "1")
	if why == ends {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set(api.NoLeaderHeader, "yes")
	if strings.Contains(req.Header.Get("Accept"), "text/html") && !strings.HasPrefix(req.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Refresh", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><title>zeekfleet</title><h1>Waiting for a controller</h1><p>%s</p></html>\n", "No controller leads at the moment. This page loads again by itself.")
		return
	}
	problem(w, http.StatusServiceUnavailable, why)
}
