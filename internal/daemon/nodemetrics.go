package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// Bounds of what an agent asks its nodes for, and of the answers.
const (
	metricsTimeout   = 9 * time.Second
	maxMetrics       = 16 << 20
	maxMetricsHeader = 16 << 10
)

// metrics sends the text of the agent's own metrics, or of a node's.
func (t *telling) metrics(ctx context.Context, text []byte, to *carry.Writer) error {
	var q mgmt.MetricsQuery
	if err := parameters(text, &q); err != nil {
		return err
	}
	if q.Node == "" {
		own, err := t.ownMetrics(ctx)
		if err != nil {
			return err
		}
		return to.Write(ctx, own)
	}
	at, pid, err := t.metricsOf(q.Node)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, metricsTimeout, fmt.Errorf("node %s has not told its metrics within %v", q.Node, metricsTimeout))
	defer cancel()
	if err := passMetrics(ctx, at, pid, to.Write); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &mgmt.StreamError{Code: mgmt.StreamFailed, Text: fmt.Sprintf("metrics of node %s at %s: %v", q.Node, at, err)}
	}
	return nil
}

// metricsOf returns where a node serves metrics, and its process. The address is the one of the
// layout of which the node was started: nobody else says where the agent connects.
func (t *telling) metricsOf(node mgmt.NodeName) (at netip.AddrPort, pid int, err error) {
	page, ok := t.book.read(node)
	switch {
	case !ok:
		return at, 0, notFound("instance %s has no node %.100q", t.instance, string(node))
	case page.pid == 0:
		return at, 0, &mgmt.StreamError{Code: mgmt.StreamFailed, Text: fmt.Sprintf("node %s does not run", node)}
	case !page.known:
		return at, 0, notFound("the agent does not know where node %s serves metrics: an earlier agent has started it; restart the node", node)
	case page.plan.Node.MetricsPort == nil:
		return at, 0, notFound("node %s has no metrics port: give it one, or set controller.auto_assign_metrics_ports and deploy again", node)
	}
	host := page.plan.Cluster[node].Host
	if t.about.MetricsAddr.IsValid() {
		host = t.about.MetricsAddr
	}
	if !host.IsValid() || host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !sockowner.Here(host) {
		return at, 0, &mgmt.StreamError{Code: mgmt.StreamFailed, Text: fmt.Sprintf(
			"node %s serves metrics at %s, which is no address of this host: set the instance's host, or zeek.metrics_address", node, host)}
	}
	return netip.AddrPortFrom(host.Unmap(), page.plan.Node.MetricsPort.Number), page.pid, nil
}

// passMetrics asks a node's endpoint and hands the answer on. The node may answer anything, so
// that only the length counts; redirections are not followed. Another program may listen where
// the node does not: it is asked, and not believed.
func passMetrics(ctx context.Context, at netip.AddrPort, pid int, write func(context.Context, []byte) error) error {
	var conn net.Conn
	transport := &http.Transport{
		DisableCompression: true, MaxResponseHeaderBytes: maxMetricsHeader,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", at.String())
			conn = c
			return c, err
		},
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+metrics.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	answer, err := client.Do(request)
	if err != nil {
		return errors.Unwrap(err) // the rest repeats the address
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %d", answer.StatusCode)
	}
	if err := servedBy(conn, pid); err != nil {
		return err
	}
	return passText(ctx, answer.Body, write)
}

// passText hands a text on, in large parts.
func passText(ctx context.Context, from io.Reader, write func(context.Context, []byte) error) error {
	buf := make([]byte, mgmt.MaxChunk)
	filled, sum := 0, 0
	for {
		n, err := from.Read(buf[filled:])
		filled += n
		if sum += n; sum > maxMetrics {
			return fmt.Errorf("the answer has more than %d bytes", maxMetrics)
		}
		if filled == len(buf) || err != nil && filled > 0 {
			if err := write(ctx, buf[:filled]); err != nil {
				return err
			}
			filled = 0
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// servedBy returns an error if the other end of a connection belongs to another process than a
// node's. Where that cannot be seen, it is believed.
func servedBy(conn net.Conn, pid int) error {
	at, err1 := netip.ParseAddrPort(conn.RemoteAddr().String())
	from, err2 := netip.ParseAddrPort(conn.LocalAddr().String())
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	owner, err := sockowner.Of(at, from)
	if errors.Is(err, sockowner.ErrOrphan) {
		return listensFor(at, pid) // it has answered, and closed the connection
	}
	if err != nil {
		return nil
	}
	return heldBy(owner.Inode, pid)
}

// listensFor returns an error if none of the sockets that listen at an address is a node's.
func listensFor(at netip.AddrPort, pid int) error {
	err := errors.New("whoever has answered has gone")
	for _, s := range sockowner.Listening() {
		if a := s.At.Addr().Unmap(); s.At.Port() == at.Port() && (a == at.Addr().Unmap() || a.IsUnspecified()) {
			if err = heldBy(s.Inode, pid); err == nil {
				return nil
			}
		}
	}
	return err
}

// heldBy returns an error if a socket belongs to another process than a node's.
func heldBy(inode uint64, pid int) error {
	if held, err := sockowner.Holds(pid, inode); held || err != nil {
		return nil // who runs with capabilities shows its files to nobody
	}
	for _, p := range sockowner.Holders(inode) {
		if !sockowner.Descends(p.PID, pid) {
			return fmt.Errorf("%s listens there, and not the node", p)
		}
	}
	return nil
}

// ownMetrics returns the text of the agent's metrics.
func (t *telling) ownMetrics(context.Context) ([]byte, error) {
	state := t.book.agentState()
	state.Version, state.LimitsBy = t.about.Version, t.about.LimitsBy
	state.Controllers, state.Term = t.controllers.count(), t.obeyed.term.Load()
	if t.streams != nil {
		state.Streams = t.streams()
	}
	if t.sample != nil {
		// Nobody measures while nobody listens.
		if is := t.sample(); is != nil && time.Since(is.Time) < 4*mgmt.SampleInterval {
			state.Sample = is
		}
	}
	return metrics.Agent(state)
}

// agentState returns what the book has for metrics.
func (b *nodeBook) agentState() (state metrics.AgentState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for node, p := range b.pages {
		state.Nodes = append(state.Nodes, metrics.AgentNode{Node: node, State: p.state, Starts: p.starts, Crashes: p.crashes})
	}
	return state
}

// connectedControllers are the controllers of ours that are connected with an agent.
type connectedControllers struct {
	mu   sync.Mutex
	here map[string]bool // by peer
	came chan struct{}   // closed when another one is here; nil: nobody waits
}

func (c *connectedControllers) set(peer bus.Peer, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is {
		if c.here == nil {
			c.here = map[string]bool{}
		}
		c.here[peer.ID] = true
		if c.came != nil {
			close(c.came)
			c.came = nil
		}
		return
	}
	delete(c.here, peer.ID)
}

// await returns a controller of this program as soon as one is connected.
func (c *connectedControllers) await(ctx context.Context) (mgmt.PeerID, error) {
	for {
		if peer, ok := c.any(); ok {
			return peer, nil
		}
		c.mu.Lock()
		if c.came == nil {
			c.came = make(chan struct{})
		}
		came, here := c.came, len(c.here) > 0
		c.mu.Unlock()
		if here {
			continue
		}
		select {
		case <-came:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// any returns a controller of this program that is connected, and false if there is none.
func (c *connectedControllers) any() (mgmt.PeerID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for peer := range c.here {
		return mgmt.PeerID(peer), true
	}
	return "", false
}

func (c *connectedControllers) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.here)
}
