package bus_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// recording is one peering in testdata/vectors, message by message.
type recording struct {
	Dialer, Listener string
	Messages         []struct {
		From string
		Hex  string
	}
}

func recordings(t *testing.T, file string) []recording {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Peerings []recording }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Peerings) == 0 {
		t.Fatalf("no peerings in %s", file)
	}
	return vectors.Peerings
}

// The recordings are peerings of two Zeeks. The test plays one of them, and our endpoint
// the other one. Where that Zeek has sent an event, subscribed or ended the peering, the
// test makes our endpoint do the same. Every frame of our endpoint must have the bytes
// of that Zeek's frame, in the same order.
func TestRecordedPeerings(t *testing.T) {
	for _, file := range []string{
		"agent-controller.json", "agent-controller-two-instances.json", "node-agent.json", "agent-supervisor.json",
	} {
		for i, rec := range recordings(t, file) {
			t.Run(fmt.Sprintf("%s/%d/as %s", file, i, rec.Dialer), func(t *testing.T) { replay(t, rec, rec.Dialer) })
			t.Run(fmt.Sprintf("%s/%d/as %s", file, i, rec.Listener), func(t *testing.T) { replay(t, rec, rec.Listener) })
		}
	}
}

// replayer is the other side of a replay.
type replayer struct {
	t        *testing.T
	endpoint *bus.Endpoint
	events   *bus.Subscription
	conn     net.Conn
	stop     func() error
	prefixes []string // that our endpoint has announced so far
	wanted   []string // topics of the recorded events
	added    bool
	bye      []byte // payload of our BYE
}

func replay(t *testing.T, rec recording, side string) {
	r := &replayer{t: t}
	id, prefixes := identity(t, rec, side)
	r.endpoint = newEndpoint(t, bus.Config{ID: id})
	r.prefixes, r.wanted = prefixes, prefixes
	r.events = subscribe(t, r.endpoint, prefixes...)

	if side == rec.Dialer {
		ours, theirs := net.Pipe()
		r.conn = theirs
		r.stop = dial(t, r.endpoint, "recorded", bus.DialConfig{
			Connect: func(context.Context, string) (net.Conn, error) { return ours, nil },
		})
	} else {
		ln := newPipeListener()
		r.stop = background(t, func(ctx context.Context) error {
			return r.endpoint.Serve(ctx, ln, bus.ListenConfig{Transport: bus.TransportPlain})
		})
		r.conn = ln.dial()
	}
	t.Cleanup(func() { r.conn.Close() })
	r.conn.SetDeadline(time.Now().Add(20 * time.Second))

	for i, m := range rec.Messages {
		frame, err := hex.DecodeString(m.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if m.From == side {
			r.expect(i, frame)
		} else {
			r.play(i, frame)
		}
	}
}

// identity returns the ID of a side, and its first filter.
func identity(t *testing.T, rec recording, side string) (id bus.ID, prefixes []string) {
	t.Helper()
	for _, m := range rec.Messages {
		message := unhex(t, m.Hex)[4:]
		if m.From != side || !isHandshake(message) {
			continue
		}
		decoded, err := wire.DecodeHandshake(message)
		if err != nil {
			t.Fatal(err)
		}
		switch m := decoded.(type) {
		case wire.Hello:
			id = m.ID
		case wire.VersionSelect:
			id = m.ID
		case wire.OriginatorSyn:
			return id, m.Prefixes
		case wire.ResponderSynAck:
			return id, m.Prefixes
		}
	}
	t.Fatalf("%s says no filter", side)
	return id, nil
}

// isHandshake reports whether message is exactly one handshake message.
func isHandshake(message []byte) bool {
	m, err := wire.DecodeHandshake(message)
	return err == nil && bytes.Equal(wire.AppendHandshake(nil, m)[4:], message)
}

// play sends a frame of the other side, and waits for its effect.
func (r *replayer) play(i int, frame []byte) {
	r.t.Helper()
	m, err := wire.DecodeMessage(frame[4:])
	node := err == nil && !isHandshake(frame[4:])
	if node && m.Type == wire.TypePong && r.bye != nil {
		m.Payload = r.bye // Zeek answered its own
		frame = wire.AppendMessage(nil, m)
	}
	if _, err := r.conn.Write(frame); err != nil {
		r.t.Fatalf("message %d: %v", i, err)
	}
	switch {
	case !node:
	case m.Type == wire.TypeRoutingUpdate:
		r.established()
		next[bus.PeerUpdated](r.t, r.events)
	case m.Type == wire.TypeData && wire.NewFilter(r.wanted...).Match(string(m.Topic)):
		r.established()
		got := next[bus.Message](r.t, r.events)
		payload := native.Append(nil, got.Value)
		if got.Topic != string(m.Topic) || !bytes.Equal(payload, m.Payload) {
			r.t.Errorf("message %d was delivered as %q %x", i, got.Topic, payload)
		}
	}
}

// expect compares the next frame of our endpoint. It makes the endpoint send the frame,
// if the endpoint does not send it by itself.
func (r *replayer) expect(i int, frame []byte) {
	r.t.Helper()
	want := frame
	if m, err := wire.DecodeMessage(frame[4:]); err == nil && !isHandshake(frame[4:]) {
		switch m.Type {
		case wire.TypeData:
			r.established()
			r.endpoint.Publish(string(m.Topic), decode(r.t, m.Payload))
		case wire.TypeRoutingUpdate:
			r.established()
			r.subscribeTo(m.Payload)
		case wire.TypePing:
			go r.stop()
			r.bye = r.readBye(i, want)
			return
		}
	}
	if got := readFrame(r.t, r.conn); !bytes.Equal(got, want) {
		r.t.Fatalf("message %d is\n%x, Zeek's was\n%x", i, got, want)
	}
}

// established waits until our endpoint knows its peer.
func (r *replayer) established() {
	r.t.Helper()
	if !r.added {
		next[bus.PeerAdded](r.t, r.events)
		r.added = true
	}
}

// subscribeTo subscribes to the prefixes of a routing update that are new.
func (r *replayer) subscribeTo(payload []byte) {
	r.t.Helper()
	prefixes, err := wire.DecodeRoutingUpdate(payload)
	if err != nil {
		r.t.Fatal(err)
	}
	more := slices.DeleteFunc(slices.Clone(prefixes), func(p string) bool { return slices.Contains(r.prefixes, p) })
	r.prefixes = prefixes
	s := r.endpoint.Subscribe(1000, more...)
	r.t.Cleanup(s.Close)
}

// readBye reads our BYE. Its number may differ from Zeek's.
func (r *replayer) readBye(i int, want []byte) (payload []byte) {
	r.t.Helper()
	const number = 8
	got := readFrame(r.t, r.conn)
	if cut := len(want) - number; !bytes.Equal(got[:cut], want[:cut]) {
		r.t.Fatalf("message %d is\n%x, Zeek's was\n%x", i, got, want)
	}
	return got[len(got)-number-len("BYE"):]
}

func decode(t testing.TB, payload []byte) zval.Value {
	t.Helper()
	v, err := native.Decode(payload, native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
