package node_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/node"
)

func TestNodeSaysHelloUponEveryPeering(t *testing.T) {
	a := newAgent(t)
	a.run(node.Config{Retry: time.Millisecond})
	for range 3 {
		hello, from := next[mgmt.NotifyNodeHello](a)
		if hello.Node != "worker-1" {
			t.Errorf("hello of %q", hello.Node)
		}
		a.endpoint.Drop(from.ID, errors.New("to see it return"))
		next[bus.PeerLost](a)
	}
}

func TestNodeAnswersForItsIdentifiersAndDispatches(t *testing.T) {
	a := newAgent(t)
	a.run(node.Config{
		Identifiers: map[string]any{
			"Sensor::model":   "x200",
			"Sensor::nothing": nil,
			"Sensor::load":    node.Func(func(context.Context) (any, error) { return 0.5, nil }),
			"Sensor::unset":   func(context.Context) (any, error) { return nil, node.ErrNoValue },
			"Sensor::gone":    node.Func(func(context.Context) (any, error) { return nil, node.ErrUnknownID }),
			"Sensor::mute":    node.Func(func(context.Context) (any, error) { return nil, errors.New("") }),
		},
		Dispatches: map[string]node.Dispatch{
			"join":    func(_ context.Context, args []string) (any, error) { return strings.Join(args, "+"), nil },
			"nothing": func(context.Context, []string) (any, error) { return nil, nil },
			"fail":    func(context.Context, []string) (any, error) { return nil, errors.New("disk is full") },
		},
	})
	peer := a.hello()
	for name, tt := range map[string]struct {
		action []string
		want   string
	}{
		"the name is predefined":          {[]string{"get_id_value", "Cluster::node"}, `"worker-1"`},
		"a value":                         {[]string{"get_id_value", "Sensor::model"}, `"x200"`},
		"further arguments are ignored":   {[]string{"get_id_value", "Sensor::model", "x"}, `"x200"`},
		"a computed value":                {[]string{"get_id_value", "Sensor::load"}, `0.5`},
		"nil is no value":                 {[]string{"get_id_value", "Sensor::nothing"}, `error: no ID value`},
		"a function without a value":      {[]string{"get_id_value", "Sensor::unset"}, `error: no ID value`},
		"a function that denies its name": {[]string{"get_id_value", "Sensor::gone"}, `error: unknown id`},
		"an error without words":          {[]string{"get_id_value", "Sensor::mute"}, `error: no reason given`},
		"an unknown identifier":           {[]string{"get_id_value", "Sensor::color"}, `error: unknown id`},
		"no identifier":                   {[]string{"get_id_value"}, `error: get_id_value expects name of global identifier`},
		"no action":                       {nil, `error: no dispatch arguments provided`},
		"an unknown action":               {[]string{"frobnicate", "x"}, `error: dispatch frobnicate unknown`},
		"an action with arguments":        {[]string{"join", "a", "b"}, `"a+b"`},
		"an action without a result":      {[]string{"nothing"}, `null`},
		"an action that fails":            {[]string{"fail"}, `error: disk is full`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.ask(peer, tt.action...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNodeThatIsNotNamedIsSilent(t *testing.T) {
	a := newAgent(t)
	a.run(node.Config{})
	peer := a.hello()
	a.send(peer, []string{"get_id_value", "Cluster::node"}, "worker-2", "worker-10")
	second := a.send(peer, []string{"get_id_value", "Cluster::node"}, "worker-2", "worker-1")
	if got := a.answer().ReqID; got != second {
		t.Errorf("answer to %s, want %s alone", got, second)
	}
}

func TestFunctionThatEndsAtItsDeadlineIsAnsweredWithATimeout(t *testing.T) {
	a := newAgent(t)
	a.run(node.Config{
		Timeout: time.Millisecond,
		Dispatches: map[string]node.Dispatch{"obey": func(ctx context.Context, _ []string) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	})
	if got, want := a.ask(a.hello(), "obey"), "error: dispatch obey timed out"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFunctionThatRunsPastItsDeadlineDelaysNoAnswer(t *testing.T) {
	a := newAgent(t)
	release := make(chan struct{})
	a.run(node.Config{
		Timeout:    time.Millisecond,
		MaxCalls:   1,
		Dispatches: map[string]node.Dispatch{"overrun": func(context.Context, []string) (any, error) { <-release; return nil, nil }},
	})
	defer close(release)
	peer := a.hello()
	if got, want := a.ask(peer, "overrun"), "error: dispatch overrun timed out"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// The function still runs and has the only slot. Values need no slot.
	if got, want := a.ask(peer, "overrun"), "error: too many dispatches in flight"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := a.ask(peer, "get_id_value", "Cluster::node"), `"worker-1"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCallsBeyondTheLimitAreRefusedAndTheOthersRunOn(t *testing.T) {
	a := newAgent(t)
	release := make(chan struct{})
	a.run(node.Config{
		Timeout:    time.Hour,
		MaxCalls:   1,
		Dispatches: map[string]node.Dispatch{"wait": func(context.Context, []string) (any, error) { <-release; return true, nil }},
	})
	peer := a.hello()
	first := a.send(peer, []string{"wait"})
	if got, want := a.ask(peer, "wait"), "error: too many dispatches in flight"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	close(release)
	if got := a.answer(); got.ReqID != first || !got.Success {
		t.Errorf("got %+v, want the first call's success", got)
	}
}

func TestValueThatIsTooLongIsRefused(t *testing.T) {
	a := newAgent(t)
	a.run(node.Config{MaxValue: 6, Identifiers: map[string]any{"fits": "1234", "does not": "12345"}})
	peer := a.hello()
	if got, want := a.ask(peer, "get_id_value", "fits"), `"1234"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := a.ask(peer, "get_id_value", "does not"), "error: value of 7 bytes is longer than the limit of 6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// listen runs a node that listens on a free address. It returns the address and the
// node's peer.
func (a *agent) listen(cfg node.Config) (addr, peer string) {
	a.t.Helper()
	cfg.Name, cfg.Agent, cfg.Logger = "worker-1", a.addr, logger(a.t)
	for range 10 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			a.t.Fatal(err)
		}
		cfg.Listen = ln.Addr().String()
		ln.Close()
		n, err := node.New(cfg)
		if err != nil {
			a.t.Fatal(err)
		}
		taken := make(chan error, 1)
		background(a.t, func(ctx context.Context) { taken <- n.Run(ctx) })
		select {
		case ev := <-a.sub.Events(): // the node connects after it listens
			return cfg.Listen, ev.(bus.PeerAdded).Peer.ID
		case err := <-taken: // another program has taken the port meanwhile
			a.t.Log(err)
		case <-time.After(patience.Limit):
			a.t.Fatal("the node neither listens nor says why")
		}
	}
	a.t.Fatal("no port is free")
	return "", ""
}

func TestOnlyTheAgentIsAnswered(t *testing.T) {
	a := newAgent(t)
	calls := 0
	addr, peer := a.listen(node.Config{Dispatches: map[string]node.Dispatch{
		"count": func(context.Context, []string) (any, error) { calls++; return calls, nil },
	}})

	other := newEndpoint(t)
	sub := other.Subscribe(0, topic)
	defer sub.Close()
	hangUp := background(t, func(ctx context.Context) { other.Dial(ctx, addr, bus.DialConfig{}) })
	if ev, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatalf("got %T, want the node as a peer", ev)
	}
	other.Publish(topic, codec.Encode(mgmt.NodeDispatchRequest{ReqID: "q", Action: []string{"count"}}))
	hangUp() // after the node has read everything

	if got := a.ask(peer, "count"); got != "1" {
		t.Errorf("the action was run %s times, want once", got)
	}
}

func TestPeeringWithTheAgentMayBeTLS(t *testing.T) {
	for name, cfg := range map[string]node.Config{
		"by demand":  {RequireTLS: true},
		"or plain":   {DisableTLS: true},
		"or as fits": {},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			a.run(cfg)
			if got, want := a.ask(a.hello(), "get_id_value", "Cluster::node"), `"worker-1"`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestRunFailsIfItCannotListen(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	n, err := node.New(node.Config{Name: "worker-1", Listen: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want that the address is in use", err)
	}
}

func TestMistakesInConfig(t *testing.T) {
	nothing := func(context.Context, []string) (any, error) { return nil, nil }
	missing := filepath.Join(t.TempDir(), "cert.pem")
	for name, tt := range map[string]struct {
		cfg  node.Config
		want string
	}{
		"no name":                             {node.Config{}, `node: name "": names must not be empty`},
		"a negative time":                     {node.Config{Name: "w", Timeout: -1}, `node: Timeout is negative`},
		"a negative number":                   {node.Config{Name: "w", MaxCalls: -1}, `node: MaxCalls is negative`},
		"a negative size":                     {node.Config{Name: "w", MaxValue: -1}, `node: MaxValue is negative`},
		"a negative pause":                    {node.Config{Name: "w", Retry: -1}, `node: Retry is negative`},
		"the name as an identifier":           {node.Config{Name: "w", Identifiers: map[string]any{"Cluster::node": "x"}}, `node: identifier Cluster::node is the node's name already`},
		"an identifier of a strange function": {node.Config{Name: "w", Identifiers: map[string]any{"X::y": func() int { return 1 }}}, `node: identifier X::y is nil or a function that is no Func`},
		"an identifier's function missing":    {node.Config{Name: "w", Identifiers: map[string]any{"X::y": node.Func(nil)}}, `node: identifier X::y is nil or a function that is no Func`},
		"a dispatch's function missing":       {node.Config{Name: "w", Dispatches: map[string]node.Dispatch{"x": nil}}, `node: dispatch x has no function`},
		"get_id_value once more":              {node.Config{Name: "w", Dispatches: map[string]node.Dispatch{"get_id_value": nothing}}, `node: dispatch get_id_value exists already; its values are Identifiers`},
		"a certificate without its key":       {node.Config{Name: "w", CertFile: missing}, `node w: CertFile, KeyFile and CAFile go together`},
		"certificates without TLS":            {node.Config{Name: "w", CertFile: missing, KeyFile: missing, CAFile: missing, DisableTLS: true}, `node w: certificates contradict DisableTLS`},
		"TLS that is demanded and forbidden":  {node.Config{Name: "w", DisableTLS: true, RequireTLS: true}, `node: DisableTLS contradicts RequireTLS`},
		"certificates that do not exist": {
			node.Config{Name: "w", CertFile: missing, KeyFile: missing, CAFile: missing},
			`node w: load certificate ` + missing + ` with key ` + missing + `: open ` + missing + `: no such file or directory`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := node.New(tt.cfg)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
