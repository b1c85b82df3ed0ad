package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A controller of a cluster of several runs while it leads: one Controller for each term. The
// Endpoint with all connections outlives them.

// NewEndpoint returns an endpoint for ControllerConfig.Endpoint. It has the limits and the
// rules of an endpoint that a controller makes for itself.
func NewEndpoint(cfg ControllerConfig) (*bus.Endpoint, error) {
	return cfg.withDefaults().newEndpoint()
}

// endpoint returns the endpoint of the config, or a new one.
func (c ControllerConfig) endpoint() (*bus.Endpoint, error) {
	if c.Endpoint != nil {
		return c.Endpoint, nil
	}
	return c.newEndpoint()
}

func (c ControllerConfig) newEndpoint() (*bus.Endpoint, error) {
	// Requests are for the controller. Other clients get them as well, as with Zeek. A
	// client that does not read them is not dropped for that.
	c.Bus.LocalTopics = append(slices.Clone(c.Bus.LocalTopics), c.Topic)
	return bus.New(c.Bus)
}

// ServeEndpoint serves the ports of a controller with an endpoint of NewEndpoint, until ctx is
// done or one of them fails. It closes the ports. who says who may be a client.
func ServeEndpoint(ctx context.Context, cfg ControllerConfig, endpoint *bus.Endpoint, who *Who) error {
	cfg = cfg.withDefaults()
	parts, ctx := newGroup(ctx)
	defer parts.stop()
	reapOrphans(ctx, parts, cfg.Logger)
	cfg.listen(ctx, parts, endpoint, who)
	<-ctx.Done()
	return context.Cause(ctx)
}

// clientPort returns the configuration of the port for clients.
func (c ControllerConfig) clientPort(who *Who) bus.WebSocketConfig {
	cfg := c.WebSocketServer
	cfg.Admit = clientsOnly(c.Topic)
	cfg.Announce = mgmt.ControllerWords
	cfg.Greet = func(p bus.Peer) error {
		_, err := who.Principal(p, p.Denied, p.Bearer)
		return err
	}
	return cfg
}

// topics returns what a controller subscribes to.
func (c ControllerConfig) topics() []string {
	topics := []string{c.AgentTopics, c.Topic, fleetController}
	if c.Term > 0 {
		topics = append(topics, termTopic(c.Term))
	}
	return topics
}

// errLeadsNoLonger is why a client of a controller is dropped that leads no longer.
var errLeadsNoLonger = errors.New("this controller leads no longer; connect anew")

// leave ends the parts of a controller and its subscription. If others go on with the
// endpoint, nothing is sent in this term after the subscription has ended: agents take what
// comes then for that of a controller that follows.
func (c ControllerConfig) leave(endpoint *bus.Endpoint, sub *bus.Subscription, parts *group) {
	if c.Endpoint == nil {
		sub.Close()
		parts.stop()
		return
	}
	var reading sync.WaitGroup
	ended := make(chan struct{})
	reading.Go(func() { // connections are read only while somebody reads the subscription
		for {
			select {
			case <-sub.Events():
			case <-ended:
				return
			}
		}
	})
	parts.stop()
	close(ended)
	reading.Wait()
	sub.Close()
	for _, p := range endpoint.Peers() {
		if p.Kind == bus.WebSocket {
			endpoint.Drop(p.ID, errLeadsNoLonger)
		}
	}
}

// Raise gives this controller's lead a greater term, which agents are told: one of them has
// obeyed a term that was greater than that of the Config. A term that is not greater changes
// nothing. Any goroutine may call Raise. It does not wait.
func (c *Controller) Raise(term uint64) {
	for {
		known := c.port.term.Load()
		if term <= known {
			return
		}
		if c.port.term.CompareAndSwap(known, term) {
			break
		}
	}
	select {
	case c.port.raised <- struct{}{}:
	default: // the loop is going to see this term, too
	}
}

// raise announces a greater term.
func (c *controllerShell) raise() {
	term := c.port.term.Load()
	if term <= c.cfg.Term || term > mgmt.MaxTerm {
		return
	}
	c.cfg.Logger.Info("term of this controller is greater now", "was", c.cfg.Term, "term", term)
	c.cfg.Term = term
	c.announces(termTopic(term))
}

// announced takes what an agent announces about terms and addresses.
func (c *controllerShell) announced(p bus.Peer, topics bus.Topics) {
	claim := c.cfg.claim(p)
	if claim.barred != "" {
		return
	}
	if obeys := announcedTerm(topics, fleetObeys); obeys > mgmt.MaxSeenTerm {
		c.cfg.Logger.Warn("term of an agent ignored: no cluster has had so many", "peer", p.ID, "term", obeys)
	} else if obeys > c.cfg.Term && c.cfg.TermSeen != nil {
		c.cfg.TermSeen(obeys)
	}
	names := topics.Below(fleetControllers)
	if c.telling.of == nil || len(names) != 1 {
		return // an agent has one name
	}
	if claim.fixed && !slices.Contains(claim.instances, mgmt.InstanceName(strings.TrimSuffix(names[0], "/"))) {
		return
	}
	c.telling.agents[p.ID] = fleetControllers + names[0]
	c.tell(p.ID)
}

// addressTelling tells agents where the controllers are. It belongs to the goroutine of the
// controller's loop.
type addressTelling struct {
	of     func() []string
	agents map[string]string   // the topics of agents that know the message, by peer
	told   map[string][]string // what each of them was told
}

func (t *addressTelling) forget(peer string) {
	delete(t.agents, peer)
	delete(t.told, peer)
}

// tellAddresses tells all agents where the controllers are.
func (c *controllerShell) tellAddresses() {
	for peer := range c.telling.agents {
		c.tell(peer)
	}
}

// tell tells an agent where the controllers are, if it does not know.
func (c *controllerShell) tell(peer string) {
	known := c.telling.of()
	if known == nil {
		return // nobody knows yet
	}
	addresses := slices.Compact(slices.Sorted(slices.Values(known)))
	addresses = addresses[:min(len(addresses), mgmt.MaxControllers)]
	if told, ok := c.telling.told[peer]; ok && slices.Equal(told, addresses) {
		return
	}
	if c.endpoint.PublishTo(peer, c.telling.agents[peer], codec.Encode(mgmt.ControllersChanged{Addresses: addresses})) {
		c.telling.told[peer] = addresses
	}
}
