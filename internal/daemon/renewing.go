package daemon

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fleetCertificates is the prefix of the topics on which agents renew their
// certificates: a slash and the agent's name follow. A peer that does not subscribe
// there does not know these messages, and gets none (docs/decisions/0005).
const fleetCertificates = fleetTopics + "/certificates"

func certificatesTopic(instance string) string { return fleetCertificates + "/" + instance }

// renewing renews the certificate of an agent, over a peering with a controller. It
// belongs to the goroutine of its run.
type renewing struct {
	credentials *Credentials
	endpoint    *bus.Endpoint
	sub         *bus.Subscription
	topic       string
	log         *slog.Logger
	machine     *joined.Renewal
	controllers []string // the peers that can be asked
	leads       *leads
	peers       map[string]bus.Peer // those of controllers
	// shown are the certificates that the controllers have shown, by peer.
	shown map[string]*x509.Certificate
	asked *renewal // nil: nobody was asked
	count int      // of requests
}

// renewal is a request that was not answered yet.
type renewal struct {
	id           mgmt.ReqID
	peer         string
	key, nodeKey []byte // nodeKey is empty if the nodes' certificate stays as it is
}

// newRenewing subscribes. The caller must call run.
func newRenewing(c *Credentials, endpoint *bus.Endpoint, cfg joined.RenewalConfig, leads *leads, log *slog.Logger) *renewing {
	topic := certificatesTopic(c.Held().Instance)
	return &renewing{
		credentials: c, endpoint: endpoint, topic: topic, log: log, machine: joined.NewRenewal(cfg),
		shown: map[string]*x509.Certificate{}, leads: leads, peers: map[string]bus.Peer{},
		sub: endpoint.Subscribe(0, topic),
	}
}

func (r *renewing) run(ctx context.Context) error {
	defer r.sub.Close()
	wake := time.NewTimer(0)
	defer wake.Stop()
	r.step(r.holds())
	for {
		if at, ok := r.machine.NextWake(); ok {
			wake.Reset(time.Until(at))
		} else {
			wake.Stop()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake.C:
			r.step(joined.TimePassed{})
		case ev := <-r.sub.Events():
			r.heard(ev)
		}
	}
}

// holds is the event that the agent has its certificate.
func (r *renewing) holds() joined.Holds {
	held := r.credentials.Held()
	return joined.Holds{Received: held.Received, Expires: held.Pair.Leaf.NotAfter, Outdated: held.Outdated()}
}

// step tells the machine what happened, and does what the machine says.
func (r *renewing) step(ev joined.RenewalEvent) {
	for {
		done := r.machine.Step(time.Now(), ev)
		if done.Failed != "" {
			r.asked = nil
			r.log.Warn("certificate was not renewed; the agent tries again", "err", done.Failed)
		}
		if done.Warning != "" {
			r.log.Warn(done.Warning)
		}
		if !done.Ask {
			return
		}
		err := r.ask()
		if err == nil {
			return
		}
		ev = joined.Failed{Why: err.Error()}
	}
}

// ask asks a controller for a new certificate, for a new key.
func (r *renewing) ask() error {
	peer, err := r.leader()
	if err != nil {
		return err
	}
	held := r.credentials.Held()
	next, err := joined.NewPending(held.Instance, held.Controller)
	if err != nil {
		return err
	}
	request, err := next.Request()
	if err != nil {
		return err
	}
	r.count++
	asked := &renewal{id: mgmt.ReqID("renew-" + strconv.Itoa(r.count)), peer: peer, key: next.Key}
	msg := mgmt.RenewCertificateRequest{ReqID: asked.id, Key: string(request.Key)}
	if held.NodesOutdated(time.Now()) {
		// Nodes that run have read their key, and new ones may start at any moment. So the
		// key stays the same.
		if asked.nodeKey = held.NodeKey; len(asked.nodeKey) == 0 {
			asked.nodeKey = next.NodeKey
		}
		nodes, err := joined.SigningRequest(identity.Identity{Kind: identity.Node, Name: held.Instance}, asked.nodeKey)
		if err != nil {
			return err
		}
		msg.NodeKey = string(nodes)
	}
	if !r.endpoint.PublishTo(asked.peer, r.topic, codec.Encode(msg)) {
		return errors.New("the request could not be sent to the controller")
	}
	r.asked = asked
	return nil
}

// leader returns the controller that is asked: the one with the greatest term, if there are
// several.
func (r *renewing) leader() (string, error) {
	best, why := "", "no controller is connected"
	for _, id := range r.controllers {
		if refusal := r.leads.refusal(r.peers[id]); refusal != "" {
			why = refusal
		} else if best == "" || r.leads.peers[id].term > r.leads.peers[best].term {
			best = id
		}
	}
	if best == "" {
		return "", errors.New(why)
	}
	return best, nil
}

// heard handles an event of the bus.
func (r *renewing) heard(happened bus.Event) {
	switch ev := happened.(type) {
	case bus.PeerAdded:
		r.leads.heard(ev.Peer, ev.Topics)
		r.peer(ev.Peer)
	case bus.PeerUpdated:
		r.leads.heard(ev.Peer, ev.Topics)
		r.peer(ev.Peer)
	case bus.PeerLost:
		r.leads.lost(ev.Peer.ID)
		delete(r.peers, ev.Peer.ID)
		delete(r.shown, ev.Peer.ID)
		r.lost(ev.Peer.ID)
	case bus.Message:
		r.message(ev)
	}
}

// peer notes whether a peer is a controller that can be asked.
func (r *renewing) peer(p bus.Peer) {
	if isController(p.Identity) && p.Certificate != nil {
		r.shown[p.ID] = p.Certificate
		r.dropRevoked() // it may have connected while the agent learned of the revocation
	}
	if !isController(p.Identity) || !r.endpoint.Wants(p.ID, r.topic) {
		r.lost(p.ID)
		return
	}
	r.peers[p.ID] = p
	if !slices.Contains(r.controllers, p.ID) {
		r.controllers = append(r.controllers, p.ID)
		r.step(joined.Connected{Yes: true})
	}
}

func (r *renewing) lost(id string) {
	i := slices.Index(r.controllers, id)
	if i < 0 {
		return
	}
	r.controllers = slices.Delete(r.controllers, i, i+1)
	if r.asked != nil && r.asked.peer == id {
		r.asked = nil
		r.step(joined.Connected{Yes: false}) // the machine forgets that somebody was asked
	}
	r.step(joined.Connected{Yes: len(r.controllers) > 0})
}

// message hears controllers alone.
func (r *renewing) message(m bus.Message) {
	if m.Topic != r.topic || !isController(m.From.Identity) {
		r.log.Debug("message ignored", "peer", m.From.ID, "topic", m.Topic)
		return
	}
	msg, err := codec.Decode(m.Value)
	if err != nil {
		r.log.Warn("message about certificates is not understood", "peer", m.From.ID, "err", err)
		return
	}
	if why := r.leads.refusal(*m.From); why != "" {
		r.log.Warn("message about certificates refused", "peer", m.From.ID, "err", why)
		return
	}
	switch msg := msg.(type) {
	case mgmt.RenewCertificateResponse:
		if r.asked == nil || msg.ReqID != r.asked.id || m.From.ID != r.asked.peer {
			return // it is too late
		}
		if err := r.renewed(*r.asked, msg.Result, time.Now()); err != nil {
			r.step(joined.Failed{Why: err.Error()})
			return
		}
		r.asked = nil
		held := r.credentials.Held()
		r.log.Info("certificate renewed", "expires", held.Pair.Leaf.NotAfter.UTC().Format(time.RFC3339), "serial", identity.Serial(held.Pair.Leaf))
		r.step(r.holds())
	case mgmt.AuthoritiesChanged:
		more, err := r.authorities(*m.From, msg)
		if err != nil {
			r.log.Warn("the controller's new authorities are not trusted", "err", err)
			return
		}
		if more {
			r.step(joined.Urgent{})
		}
		r.dropRevoked()
	}
}

// dropRevoked ends the connections of controllers whose certificates were revoked.
func (r *renewing) dropRevoked() {
	revoked := r.credentials.Held().Trust().Revoked
	for peer, cert := range r.shown {
		if serial := identity.Serial(cert); revoked[serial] {
			r.log.Warn("a controller is dropped: its certificate was revoked", "peer", peer, "serial", serial)
			r.endpoint.Drop(peer, errors.New("the certificate of this controller was revoked"))
			delete(r.shown, peer)
		}
	}
}

// renewed takes over the certificate in an answer.
func (r *renewing) renewed(asked renewal, result mgmt.Result, now time.Time) error {
	if !result.Success {
		return fmt.Errorf("the controller says: %s", result.Error)
	}
	text, ok := result.Data.(mgmt.Text)
	var got mgmt.RenewedCertificate
	if err := json.Unmarshal([]byte(text), &got); err != nil || !ok {
		return fmt.Errorf("the controller's answer is not understood: %v", err)
	}
	next := r.credentials.Held().Credentials
	next.Received = now
	next.Key, next.Certificate, next.Authorities = asked.key, []byte(got.Certificate), []byte(got.Authorities)
	if got.NodeCertificate != "" && len(asked.nodeKey) > 0 {
		next.NodeKey, next.NodeCertificate, next.NodeAuthorities = asked.nodeKey, []byte(got.NodeCertificate), []byte(got.NodeAuthorities)
	}
	held, err := next.Use()
	if err == nil {
		err = held.Valid(now)
	}
	if err != nil {
		return fmt.Errorf("the new certificate does not count: %w", err)
	}
	return r.credentials.replace(next)
}

// authorities takes over the authorities that a controller names. The agent also keeps
// those that have signed its own certificate and the one that the controller has shown,
// until the agent has another certificate, and the controller connects with another. more
// says that there is an authority that the agent did not know.
func (r *renewing) authorities(from bus.Peer, msg mgmt.AuthoritiesChanged) (more bool, err error) {
	held := r.credentials.Held()
	named, err := identity.ReadCerts([]byte(msg.Authorities))
	if err != nil {
		return false, err
	}
	next := held.Credentials
	kept := joined.WithSigner(named, held.Pair.Leaf, held.Trusted)
	if from.Certificate != nil {
		kept = joined.WithSigner(kept, from.Certificate, held.Trusted)
	}
	next.Authorities = identity.CertPEM(kept...)
	more = joined.HasMore(named, held.Trusted)
	if msg.NodeAuthorities != "" && len(held.NodesTrusted) > 0 {
		ofNodes, err := identity.ReadCerts([]byte(msg.NodeAuthorities))
		if err != nil {
			return false, fmt.Errorf("those of nodes: %w", err)
		}
		chain, err := identity.ReadCerts(held.NodeCertificate)
		if err != nil {
			return false, err
		}
		next.NodeAuthorities = identity.CertPEM(joined.WithSigner(ofNodes, chain[0], held.NodesTrusted)...)
		more = more || joined.HasMore(ofNodes, held.NodesTrusted)
	}
	next.Revoked = msg.Revoked
	same := joined.SameAuthorities(next.Authorities, held.Authorities) && joined.SameAuthorities(next.NodeAuthorities, held.NodeAuthorities)
	if same && slices.Equal(next.Revoked, held.Revoked) {
		return false, nil
	}
	if err := r.credentials.replace(next); err != nil {
		return false, err
	}
	if !slices.Equal(next.Revoked, held.Revoked) {
		r.log.Info("the controllers that were revoked have changed", "serials", next.Revoked)
	}
	if !same {
		r.log.Info("the cluster's authorities have changed", "authorities", hashes(r.credentials.Held().Trusted))
	}
	return more, nil
}

// hashes names authorities for the log.
func hashes(authorities []*x509.Certificate) []string {
	var names []string
	for _, cert := range authorities {
		names = append(names, identity.KeyHash(cert))
	}
	return names
}
