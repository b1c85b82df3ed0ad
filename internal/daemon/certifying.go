package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// renewer signs certificates. *Authority does.
type renewer interface {
	Ask(ctx context.Context, who mgmt.Principal, req access.Request) (access.Answer, error)
	Directory() *access.Directory
	Changed(f func(*access.Directory)) (stop func())
}

// maxRenewals bounds the agents that wait for a certificate. Each waits for one.
const maxRenewals = 4096

// certifying renews the certificates of agents, and tells agents which authorities
// count. It belongs to the goroutine of its run. Another goroutine asks the authority,
// because an answer takes a save.
type certifying struct {
	authority renewer
	endpoint  *bus.Endpoint
	sub       *bus.Subscription
	log       *slog.Logger
	agents    map[string]string                  // the topics of agents that know these messages, by peer
	told      map[string]mgmt.AuthoritiesChanged // what each of them was told
	busy      map[string]bool                    // the peers that wait for an answer
	// serials are those of the certificates that were signed over a peering, the latest
	// one by peer. The one that the peer has shown expires while the peering goes on.
	serials map[string]string
	work    chan *renewalOrder // pointers, because the channel has room for all from its start
	done    chan renewalDone
}

// renewalDone says that a peer got its answer. serial is that of its new certificate. It
// is empty if there is none.
type renewalDone struct{ peer, serial string }

// renewalOrder is an agent's request.
type renewalOrder struct {
	from   bus.Peer
	serial string // of the certificate that the agent has
	topic  string
	msg    mgmt.RenewCertificateRequest
}

// newCertifying subscribes. The caller must call run.
func newCertifying(authority renewer, endpoint *bus.Endpoint, log *slog.Logger) *certifying {
	return &certifying{
		authority: authority, endpoint: endpoint, log: log,
		sub:    endpoint.Subscribe(0, fleetCertificates+"/"),
		agents: map[string]string{}, told: map[string]mgmt.AuthoritiesChanged{}, busy: map[string]bool{}, serials: map[string]string{},
		work: make(chan *renewalOrder, maxRenewals), done: make(chan renewalDone),
	}
}

// newCertifying returns the part that renews certificates, or nil without an authority.
func (c ControllerConfig) newCertifying(endpoint *bus.Endpoint) *certifying {
	if c.Authority == nil {
		return nil
	}
	return newCertifying(c.Authority, endpoint, c.Logger)
}

func (c *certifying) run(ctx context.Context) error {
	defer c.sub.Close()
	changed := make(chan struct{}, 1)
	stop := c.authority.Changed(func(*access.Directory) {
		select {
		case changed <- struct{}{}:
		default: // the next look at the directory sees this change, too
		}
	})
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
			for peer := range c.agents {
				c.tell(peer)
			}
		case ended := <-c.done:
			if c.busy[ended.peer] && ended.serial != "" {
				c.serials[ended.peer] = ended.serial
			}
			delete(c.busy, ended.peer)
		case ev := <-c.sub.Events():
			c.heard(ev)
		}
	}
}

// sign answers requests until ctx is done.
func (c *certifying) sign(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case order := <-c.work:
			result, serial, err := c.renew(ctx, order)
			if err != nil {
				return err
			}
			select {
			case c.done <- renewalDone{order.from.ID, serial}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			c.answer(order, result)
		}
	}
}

// heard handles an event of the bus.
func (c *certifying) heard(happened bus.Event) {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		c.peer(ev.Peer)
	case bus.PeerUpdated:
		c.peer(ev.Peer)
	case bus.PeerLost:
		id := ev.Peer.ID
		delete(c.agents, id)
		delete(c.told, id)
		delete(c.busy, id)
		delete(c.serials, id)
	case bus.Message:
		c.message(ev)
	}
}

// peer tells an agent that connects which authorities count. It may have been away when
// they changed.
func (c *certifying) peer(p bus.Peer) {
	if !isAgent(p.Identity) {
		return
	}
	topic := certificatesTopic(strings.TrimPrefix(p.Identity, string(identity.Agent)+"/"))
	if c.endpoint.Wants(p.ID, topic) {
		c.agents[p.ID] = topic
		c.tell(p.ID)
	}
}

// tell tells an agent which authorities count, if it does not know.
func (c *certifying) tell(peer string) {
	d := c.authority.Directory()
	news := mgmt.AuthoritiesChanged{
		Authorities: string(identity.CertPEM(d.Trust.Authorities...)), NodeAuthorities: string(identity.CertPEM(d.NodeAuthorities...)),
		Revoked: d.RevokedControllers,
	}
	if told, ok := c.told[peer]; news.Authorities == "" || ok && reflect.DeepEqual(told, news) {
		return
	}
	if c.endpoint.PublishTo(peer, c.agents[peer], codec.Encode(news)) {
		c.told[peer] = news
	}
}

// message takes a request of an agent. Who the agent is, its certificate says.
func (c *certifying) message(m bus.Message) {
	msg, err := codec.Decode(m.Value)
	request, ok := msg.(mgmt.RenewCertificateRequest)
	if err != nil || !ok || !isAgent(m.From.Identity) {
		c.log.Warn("message about certificates ignored", "peer", m.From.ID, "topic", m.Topic, "identity", m.From.Identity, "err", err)
		return
	}
	if m.From.Certificate == nil {
		return // isAgent: nobody has an identity without one
	}
	order := &renewalOrder{*m.From, identity.Serial(m.From.Certificate), m.Topic, request}
	if latest := c.serials[m.From.ID]; latest != "" {
		order.serial = latest
	}
	if c.busy[m.From.ID] {
		c.answer(order, mgmt.Result{Error: "an earlier request of this agent is not answered yet"})
		return
	}
	select {
	case c.work <- order:
		c.busy[m.From.ID] = true
	default:
		c.answer(order, mgmt.Result{Error: "too many agents ask for a certificate at once; ask again later"})
	}
}

// renew asks the authority. It returns the serial number of the new certificate, if there
// is one. Its error says that the authority has ended.
func (c *certifying) renew(ctx context.Context, order *renewalOrder) (result mgmt.Result, serial string, err error) {
	id, err := identity.Parse(order.from.Identity)
	if err != nil {
		return mgmt.Result{Error: err.Error()}, "", nil
	}
	who := mgmt.Principal{Name: id.String(), Source: order.from.Addr.String()}
	answer, err := c.authority.Ask(ctx, who, access.Renew{
		Identity: id, Serial: order.serial, Key: []byte(order.msg.Key), NodeKey: []byte(order.msg.NodeKey),
	})
	if err != nil {
		return mgmt.Result{}, "", err
	}
	switch answer := answer.(type) {
	case access.Joined:
		signed, err := identity.ReadCerts(answer.Certificate)
		if err != nil {
			return mgmt.Result{}, "", err
		}
		text, err := json.Marshal(mgmt.RenewedCertificate{
			Certificate: string(answer.Certificate), Authorities: string(answer.Authorities),
			NodeCertificate: string(answer.NodeCertificate), NodeAuthorities: string(answer.NodeAuthorities),
		})
		return mgmt.Result{Success: true, Instance: mgmt.InstanceName(id.Name), Data: mgmt.Text(text)}, identity.Serial(signed[0]), err
	case access.Refusal:
		return mgmt.Result{Error: answer.Reason}, "", nil
	}
	return mgmt.Result{Error: fmt.Sprintf("the authority has answered %T", answer)}, "", nil
}

// answer answers a request. Any goroutine may call it.
func (c *certifying) answer(order *renewalOrder, result mgmt.Result) {
	result.ReqID = order.msg.ReqID
	if !result.Success {
		c.log.Warn("certificate was not renewed", "identity", order.from.Identity, "addr", order.from.Addr.String(), "err", result.Error)
	}
	c.endpoint.PublishTo(order.from.ID, order.topic, codec.Encode(mgmt.RenewCertificateResponse{ReqID: order.msg.ReqID, Result: result}))
}
