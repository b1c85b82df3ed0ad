package daemon_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
)

// heardFrom returns the next message of a type that a subscription gets.
func heardFrom[M mgmt.Message](t *testing.T, sub *bus.Subscription, what string) (msg M) {
	t.Helper()
	patience.Find(t, sub.Events(), what, func(ev bus.Event) bool {
		m, ok := ev.(bus.Message)
		if !ok {
			return false
		}
		heard, err := codec.Decode(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		msg, ok = heard.(M)
		return ok
	})
	return msg
}

func TestStreamsAreRefusedToAnEarlierTerm(t *testing.T) {
	m := newMember(t)
	s := new(memstore.Store)
	if _, err := s.Save(t.Context(), []store.Change{store.Change(agent.State{Term: 5}.Changes()[0])}, 0); err != nil {
		t.Fatal(err)
	}
	at := m.runAgent(s, nil)
	controller, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := controller.Subscribe(0, "zeek/fleet/bytes/", "zeek/fleet/controller/", mgmt.AgentTopics)
	defer sub.Close()
	sub.Announce("zeek/fleet/term/4/")
	m.inBackground("paused", nil, func(ctx context.Context) error { return controller.Dial(ctx, at, bus.DialConfig{}) })
	if complaint := heardFrom[mgmt.NotifyError](t, sub, "the agent's complaint"); !strings.Contains(complaint.Msg, "led in term 4, and this agent obeys term 5") {
		t.Errorf("the agent says %q", complaint.Msg)
	}
	open := func(id string) mgmt.StreamEnd {
		controller.Publish("zeek/fleet/bytes/a1", codec.Encode(mgmt.StreamOpen{Stream: mgmt.StreamID(id), Kind: mgmt.StreamExec, Parameters: "{}", Credit: 8}))
		return heardFrom[mgmt.StreamEnd](t, sub, "the end of stream "+id)
	}
	if end := open("early"); end.Code != mgmt.StreamForbidden || !strings.Contains(end.Error, "led in term 4, and this agent obeys term 5") {
		t.Errorf("a stream of an earlier term has ended with %+v", end)
	}
	sub.Announce()
	if end := open("none"); end.Code != mgmt.StreamForbidden || !strings.Contains(end.Error, "leads no longer") {
		t.Errorf("a stream of a controller that follows has ended with %+v", end)
	}
	sub.Announce("zeek/fleet/term/6/")
	heardFrom[mgmt.NotifyAgentHello](t, sub, "the agent's hello")
	if end := open("later"); end.Code != mgmt.StreamUnsupported {
		t.Errorf("a stream of the controller that leads has ended with %+v", end)
	}
}

// An agent with two controllers, of which one does not know that the other one leads, has its
// certificate renewed by the one that leads, and believes that one alone.
func TestCertificateIsRenewedByTheControllerThatLeads(t *testing.T) {
	a := newAuthorityInMemory(t, 3*time.Second)
	dir := joined.DirIn(t.TempDir())
	if err := dir.Save(a.join("sensor-1")); err != nil {
		t.Fatal(err)
	}
	credentials, err := daemon.OpenCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := bus.New(bus.Config{TLS: credentials.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	log := logged{slog.NewTextHandler(t.Output(), nil), make(chan slog.Record, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	both := ours.Subscribe(0)
	defer both.Close()
	controller := func(name, topic string) (*bus.Endpoint, *bus.Subscription) {
		e, err := bus.New(bus.Config{TLS: a.tls("controller/" + name)})
		if err != nil {
			t.Fatal(err)
		}
		sub := e.Subscribe(0, "zeek/fleet/certificates/", "zeek/fleet/controller/", topic)
		ln := listen(t)
		parts.Go(func() { e.Serve(ctx, ln, bus.ListenConfig{}) })
		parts.Go(func() { ours.Dial(ctx, ln.Addr().String(), bus.DialConfig{Transport: bus.TransportTLS}) })
		patience.Find(t, both.Events(), "controller "+name, func(ev bus.Event) bool { _, ok := ev.(bus.PeerAdded); return ok })
		return e, sub
	}
	renews := daemon.NewRenewingOf(6, credentials, ours, slog.New(log))
	parts.Go(func() { renews(ctx) })
	paused, pausedHears := controller("paused", "zeek/fleet/term/4/")
	_, leaderHears := controller("leader", "zeek/fleet/term/6/")
	before := credentials.Held().Authorities
	a.change(func() { a.all = append(a.all, a.newAuthority("other", time.Now())) })
	paused.Publish("zeek/fleet/certificates/sensor-1", codec.Encode(mgmt.AuthoritiesChanged{Authorities: string(a.authorities())}))
	refused := log.await(t, "message about certificates refused")
	if refused.Level != slog.LevelWarn || string(credentials.Held().Authorities) != string(before) {
		t.Errorf("authorities of an earlier term were believed")
	}
	if request := heardFrom[mgmt.RenewCertificateRequest](t, leaderHears, "a request for a certificate"); request.Key == "" {
		t.Errorf("got %+v", request)
	}
	for {
		select {
		case ev := <-pausedHears.Events():
			if _, ok := ev.(bus.Message); ok {
				t.Error("the controller of an earlier term was asked")
			}
			continue
		default:
		}
		break
	}
	if got := identity.Serial(credentials.Held().Pair.Leaf); got != a.signed[0] {
		t.Errorf("the certificate is %s", got)
	}
}
