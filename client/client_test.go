package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// controller is a fake controller. It calls respond for each request, in order, and
// respond publishes the answers.
type controller struct {
	address string
	bus     *bus.Endpoint

	mu       sync.Mutex
	requests []mgmt.Message
}

func (c *controller) publish(m mgmt.Message) { c.bus.Publish(client.DefaultTopic, codec.Encode(m)) }

func (c *controller) seen() []mgmt.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// known admits the events of the Management framework.
func known(_ string, v zval.Value) error {
	_, err := codec.Decode(v)
	return err
}

// start runs a controller until the test ends.
func start(t *testing.T, respond func(*controller, mgmt.Message)) *controller {
	t.Helper()
	return startWith(t, bus.WebSocketConfig{}, respond)
}

// startAs is start for a controller with these announcements.
func startAs(t *testing.T, announce string, respond func(*controller, mgmt.Message)) *controller {
	t.Helper()
	return startWith(t, bus.WebSocketConfig{Announce: announce}, respond)
}

func startWith(t *testing.T, cfg bus.WebSocketConfig, respond func(*controller, mgmt.Message)) *controller {
	t.Helper()
	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &controller{address: ln.Addr().String(), bus: endpoint}
	sub := endpoint.Subscribe(16, client.DefaultTopic)
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		done.Wait()
		sub.Close()
	})
	done.Go(func() {
		cfg.Version = "8.2.2"
		if cfg.Admit == nil {
			cfg.Admit = known
		}
		if err := endpoint.ServeWebSocket(ctx, ln, cfg); ctx.Err() == nil {
			t.Errorf("ServeWebSocket: %v", err)
		}
	})
	done.Go(func() { c.serve(ctx, t, sub, respond) })
	return c
}

func (c *controller) serve(ctx context.Context, t *testing.T, sub *bus.Subscription, respond func(*controller, mgmt.Message)) {
	for {
		select {
		case <-ctx.Done():
			return
		case ev := <-sub.Events():
			m, ok := ev.(bus.Message)
			if !ok {
				continue
			}
			req, err := codec.Decode(m.Value)
			if err != nil {
				t.Errorf("request: %v", err)
				continue
			}
			c.mu.Lock()
			c.requests = append(c.requests, req)
			c.mu.Unlock()
			respond(c, req)
		}
	}
}

func dial(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

// echo answers every request with a result that has data of the proper type. If the
// type is text, the text is the ID of the request.
func echo(c *controller, msg mgmt.Message) {
	req := msg.(mgmt.Request)
	result := mgmt.Result{ReqID: "leg", Success: true, Data: mgmt.Text(req.RequestID())}
	switch req.(type) {
	case mgmt.GetConfigurationRequest:
		result = mgmt.Result{Success: true, Data: mgmt.Configuration{ID: string(req.RequestID())}}
	case mgmt.GetInstancesRequest:
		result = mgmt.Result{Success: true, Data: mgmt.Instances{{Name: "i", Host: mgmt.UnknownHost}}}
	case mgmt.GetNodesRequest:
		result = mgmt.Result{Success: true, Instance: "i", Data: mgmt.NodeStatuses{}}
	case mgmt.TestTimeoutRequest:
		result = mgmt.Result{Error: "request timed out"}
	}
	c.publish(req.Answer(req.RequestID(), result))
}

func TestEachMethodSendsItsRequestAndReturnsTheAnswer(t *testing.T) {
	ctl := start(t, echo)
	c := dial(t, client.Config{Address: ctl.address})
	if c.Version() != "8.2.2" || c.Endpoint() == "" {
		t.Errorf("version %q, endpoint %q", c.Version(), c.Endpoint())
	}
	ctx := t.Context()
	config := client.Configuration{ID: "x", Instances: []client.Instance{{Name: "i", Host: client.UnknownHost}}}
	asSent := mgmt.Configuration{ID: "x", Instances: []mgmt.Instance{{Name: "i", Host: mgmt.UnknownHost}}}
	many := func(r []client.Result, err error) (client.Result, error) {
		if len(r) != 1 {
			return client.Result{}, errors.Join(err, errors.New("not one result"))
		}
		return r[0], err
	}
	calls := []struct {
		want mgmt.Message // without its ID
		call func() (client.Result, error)
	}{
		{mgmt.StageConfigurationRequest{Config: asSent}, func() (client.Result, error) { return many(c.Stage(ctx, config)) }},
		{mgmt.DeployRequest{}, func() (client.Result, error) { return many(c.Deploy(ctx)) }},
		{mgmt.GetConfigurationRequest{Deployed: true}, func() (client.Result, error) { return c.GetConfiguration(ctx, true) }},
		{mgmt.GetInstancesRequest{}, func() (client.Result, error) { return c.GetInstances(ctx) }},
		{mgmt.GetNodesRequest{}, func() (client.Result, error) { return many(c.GetNodes(ctx)) }},
		{mgmt.GetIDValueRequest{ID: "a", Nodes: []mgmt.NodeName{"n", "o"}}, func() (client.Result, error) { return many(c.GetIDValue(ctx, "a", "n", "o")) }},
		{mgmt.RestartRequest{Nodes: []mgmt.NodeName{"n"}}, func() (client.Result, error) { return many(c.Restart(ctx, "n")) }},
		{mgmt.TestTimeoutRequest{WithState: true}, func() (client.Result, error) { return c.TestTimeout(ctx, true) }},
	}
	ids := make(map[string]bool)
	for i, tt := range calls {
		result, err := tt.call()
		if err != nil {
			t.Fatalf("%T: %v", tt.want, err)
		}
		if !result.Success && result.Error == "" {
			t.Errorf("%T: empty result", tt.want)
		}
		sent := ctl.seen()[i]
		id := reflect.ValueOf(sent).FieldByName("ReqID").String()
		if _, err := uuid.Parse(id); err != nil || ids[id] {
			t.Errorf("%T: ID %q is no UUID, or not fresh", sent, id)
		}
		ids[id] = true
		withoutID := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ReqID" }, cmp.Ignore())
		if diff := cmp.Diff(tt.want, sent, withoutID, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("request %T (-want +got):\n%s", tt.want, diff)
		}
	}
}

func TestOtherMessagesArePassedOver(t *testing.T) {
	ctl := start(t, func(c *controller, req mgmt.Message) {
		r := req.(mgmt.GetNodesRequest)
		c.publish(mgmt.NotifyAgentsReady{})
		c.publish(mgmt.GetNodesRequest{ReqID: r.ReqID})
		c.publish(mgmt.GetInstancesResponse{ReqID: r.ReqID})
		c.publish(mgmt.GetNodesResponse{ReqID: "another"})
		c.bus.Publish(client.DefaultTopic, wire.Event{Name: "Management::Controller::API::get_nodes_response"}.Value())
		c.bus.Publish(client.DefaultTopic, wire.Event{
			Name: "Management::Controller::API::get_nodes_response", Args: []zval.Value{zval.String("another"), zval.Count(1)},
		}.Value())
		c.bus.Publish(client.DefaultTopic, wire.Event{Name: "Site::event"}.Value())
		c.publish(mgmt.GetNodesResponse{ReqID: r.ReqID, Results: []mgmt.Result{{Error: "no instances connected"}}})
	})
	var skipped []string
	c := dial(t, client.Config{Address: ctl.address, OnSkip: func(why error) { skipped = append(skipped, why.Error()) }})
	got, err := c.GetNodes(t.Context())
	want := []client.Result{{Error: "no instances connected"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("GetNodes: %v, (-want +got):\n%s", err, diff)
	}
	wantSkipped := []string{
		"event Management::Controller::API::notify_agents_ready is not the answer",
		"event Management::Controller::API::get_nodes_request is not the answer",
		"event Management::Controller::API::get_instances_response is not the answer",
		"event Management::Controller::API::get_nodes_response answers another request",
		"event Management::Controller::API::get_nodes_response answers another request",
		"event Management::Controller::API::get_nodes_response answers another request",
		"event Site::event is not the answer",
	}
	if diff := cmp.Diff(wantSkipped, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestMalformedAnswer(t *testing.T) {
	ctl := start(t, func(c *controller, req mgmt.Message) {
		id := zval.String(string(req.(mgmt.DeployRequest).ReqID))
		c.bus.Publish(client.DefaultTopic, wire.Event{
			Name: "Management::Controller::API::deploy_response", Args: []zval.Value{id, zval.Count(1)},
		}.Value())
	})
	_, err := dial(t, client.Config{Address: ctl.address}).Deploy(t.Context())
	want := "protocol data error with controller " + ctl.address + ": event Management::Controller::API::deploy_response: argument results: got count, want vector"
	if err == nil || err.Error() != want {
		t.Errorf("Deploy:\n got %v\nwant %s", err, want)
	}
}

func TestSilentControllerTimesOut(t *testing.T) {
	ctl := start(t, func(*controller, mgmt.Message) {})
	c := dial(t, client.Config{Address: ctl.address, RequestTimeout: 20 * time.Millisecond})
	_, err := c.Deploy(t.Context())
	late, ok := errors.AsType[*client.TimeoutError](err)
	if !ok || !errors.Is(err, context.DeadlineExceeded) || late.Error() != "websocket connection to "+ctl.address+" timed out" {
		t.Errorf("Deploy: %v, want a *TimeoutError", err)
	}
}

func TestOthersMessagesDoNotProlongTheWait(t *testing.T) {
	over := make(chan struct{})
	ctl := start(t, func(c *controller, _ mgmt.Message) {
		for { // of another request, as long as the client waits
			c.publish(mgmt.GetNodesResponse{ReqID: "another"})
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	c := dial(t, client.Config{Address: ctl.address, RequestTimeout: 100 * time.Millisecond})
	defer close(over)
	ctx := patience.Context(t)
	_, err := c.GetNodes(ctx)
	if _, ok := errors.AsType[*client.TimeoutError](err); !ok || ctx.Err() != nil {
		t.Errorf("GetNodes: %v, want a *TimeoutError while others still talk", err)
	}
}

func TestCancelledRequest(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	ctl := start(t, func(*controller, mgmt.Message) { cancel(interrupted) })
	_, err := dial(t, client.Config{Address: ctl.address}).Deploy(ctx)
	if !errors.Is(err, interrupted) {
		t.Errorf("Deploy: %v, want %v", err, interrupted)
	}
}

func TestDeploymentWithConditionsTellsWhatItWaitsFor(t *testing.T) {
	ctl := startAs(t, mgmt.StagedDeploy, func(c *controller, req mgmt.Message) {
		r := req.(mgmt.StagedDeployRequest)
		c.publish(mgmt.DeployProgress{ReqID: "another's", Text: "for another"})
		c.publish(mgmt.DeployProgress{ReqID: r.ReqID, Text: "for b"})
		c.publish(mgmt.DeployResponse{ReqID: r.ReqID, Results: []mgmt.Result{{Success: true, Data: mgmt.Text("x")}}})
	})
	var told []string
	c := dial(t, client.Config{Address: ctl.address, RequestTimeout: 30 * time.Second})
	results, err := c.DeployStaged(t.Context(), client.Deployment{
		ID: "x", Partial: true, OnProgress: func(text string) { told = append(told, text) },
	})
	if id, ok := client.ConfigurationID(results); err != nil || !ok || id != "x" || !slices.Equal(told, []string{"for b"}) {
		t.Errorf("results %v, error %v, told %q", results, err, told)
	}
	want := mgmt.StagedDeployRequest{ID: "x", Partial: true, Patience: 30 * time.Second}
	if diff := cmp.Diff([]mgmt.Message{want}, ctl.seen(), cmpopts.IgnoreFields(want, "ReqID")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestZeeksControllerIsAskedToDeployAsZeekClientAsks(t *testing.T) {
	staged := "mine"
	ctl := start(t, func(c *controller, req mgmt.Message) {
		r := req.(mgmt.DeployRequest) // and nothing that Zeek does not know
		c.publish(mgmt.DeployResponse{ReqID: r.ReqID, Results: []mgmt.Result{{Success: true, Data: mgmt.Text(staged)}}})
	})
	c := dial(t, client.Config{Address: ctl.address})
	if _, err := c.DeployStaged(t.Context(), client.Deployment{Partial: true}); !errors.Is(err, client.ErrNotPartial) || len(ctl.seen()) > 0 {
		t.Errorf("a partial deployment: %v after %d requests", err, len(ctl.seen()))
	}
	results, err := c.DeployStaged(t.Context(), client.Deployment{ID: "mine"})
	if err != nil || len(results) != 1 || !results[0].Success {
		t.Errorf("what is staged: %v, %v", results, err)
	}
	results, err = c.DeployStaged(t.Context(), client.Deployment{ID: "another"})
	if err != nil || len(results) != 2 || results[1].Success || results[1].Error == "" {
		t.Errorf("what somebody else has staged since: %v, %v", results, err)
	}
}

func TestALostConnectionCostsNoRequestThatReads(t *testing.T) {
	ctl := start(t, echo)
	c := dial(t, client.Config{Address: ctl.address})
	peers := ctl.bus.Subscribe(1, "zeek/no/topic")
	defer peers.Close()
	ctl.bus.Drop(c.Endpoint(), errors.New("test"))
	patience.Find(t, peers.Events(), "the connection to be lost", func(ev bus.Event) bool {
		_, lost := ev.(bus.PeerLost)
		return lost
	})
	// By now the client may have noticed the loss, or may not.
	if _, err := c.GetNodes(t.Context()); err != nil {
		t.Errorf("GetNodes after that: %v", err)
	}
	if got := len(ctl.seen()); got != 1 {
		t.Errorf("the controller saw %d requests, want one", got)
	}
}

func TestRefusedConnectionsAreTriedAgainAndTold(t *testing.T) {
	address := porttest.Nobody(t)
	var told []int
	_, err := client.Dial(t.Context(), client.Config{
		Address: address, Attempts: 3, RetryDelay: 20 * time.Millisecond,
		OnRetry: func(attempt int, err error) {
			if _, ok := errors.AsType[*client.DialError](err); !ok {
				t.Errorf("told of %v, want a *DialError", err)
			}
			told = append(told, attempt)
		},
	})
	if want := "websocket connection to " + address + " timed out in connect()"; err == nil || err.Error() != want {
		t.Errorf("Dial: %v, want %s", err, want)
	}
	if diff := cmp.Diff([]int{1, 2}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestADeadlineEndsThePause(t *testing.T) {
	address := porttest.Nobody(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Dial(ctx, client.Config{Address: address, RetryDelay: time.Hour})
	if _, ok := errors.AsType[*client.TimeoutError](err); !ok {
		t.Errorf("Dial: %v, want a *TimeoutError", err)
	}
}

func TestACancellationEndsThePause(t *testing.T) {
	address := porttest.Nobody(t)
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := client.Dial(ctx, client.Config{
		Address: address, RetryDelay: time.Hour, OnRetry: func(int, error) { cancel(interrupted) },
	})
	if !errors.Is(err, interrupted) {
		t.Errorf("Dial: %v, want %v", err, interrupted)
	}
}

func TestAControllerWithTooManyClientsIsTriedAgain(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	full := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, "Too many clients", http.StatusServiceUnavailable)
	})}
	var serving sync.WaitGroup
	serving.Go(func() { full.Serve(ln) })
	_, err = client.Dial(t.Context(), client.Config{Address: ln.Addr().String(), Attempts: 2, RetryDelay: time.Second})
	full.Close()
	serving.Wait()
	failed, ok := errors.AsType[*client.DialError](err)
	if !ok || failed.Status != http.StatusServiceUnavailable || asked != 2 {
		t.Errorf("Dial: %v after %d attempts, want the status after 2", err, asked)
	}
}

func TestOtherFailuresAreFinal(t *testing.T) {
	_, err := client.Dial(t.Context(), client.Config{Address: "bad address"})
	if failed, ok := errors.AsType[*client.DialError](err); !ok || failed.Failure != client.DialInvalid {
		t.Errorf("Dial: %v, want a *DialError", err)
	}
}

func TestANegativeLimitIsRefused(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"Attempts":       {Attempts: -1},
		"RetryDelay":     {RetryDelay: -1},
		"RequestTimeout": {RequestTimeout: -1},
	} {
		_, err := client.Dial(t.Context(), cfg)
		if want := "dial controller: " + name + " is negative"; err == nil || err.Error() != want {
			t.Errorf("Dial: %v, want %s", err, want)
		}
	}
}
