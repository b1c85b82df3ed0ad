package crowd

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// crowd opens hostile connections to a controller.
type crowd struct {
	peers, clients string // the controller's addresses
	victim         mgmt.InstanceName
	dialer         net.Dialer
}

// behaviour is one kind of attack, and the number of connections that make it.
type behaviour struct {
	connections int
	// behave opens one connection and attacks until the connection ends.
	behave func()
}

// greed returns the behaviour of twenty clients that ask for much, leave without
// the answers, and connect again.
func (c crowd) greed() []behaviour { return []behaviour{{20, c.askAndLeave}} }

// siege returns all behaviours.
func (c crowd) siege() []behaviour {
	return []behaviour{
		{300, c.native(stall)},
		{200, c.native(trickle)},
		{100, c.native(announce4GB)},
		{100, c.peer("", nothing, swell)},
		{50, c.peer("", nothing, idle)}, // subscribes to everything, reads nothing
		{50, c.peer("", io.Discard.Write, c.forge)},
		{50, c.peer("", io.Discard.Write, c.impersonate)},
		{25, c.peer("", io.Discard.Write, c.flood)},
		{25, c.peer("", io.Discard.Write, c.bloat)},
		{30, c.client(readNothing)},
		{20, c.client(babble)},
		{20, c.client(send100MB)},
		{20, c.client(c.ask)},
		{10, c.rawWebSocket},
		// Connections that occupy places and send no messages.
		{700, c.peer("", io.Discard.Write, idle)},
		{100, c.client(pongs)},
		{100, c.rawWebSocket},
		// Connections that send frames without messages.
		{25, c.peer("", io.Discard.Write, emptyFrames)},
		{20, c.client(c.pings)},
		{20, c.fragments},
		// Connections that make the controller keep, log or answer much.
		{30, c.hoardTopics},
		{30, c.hoardPrefixes},
		{20, c.peer("", io.Discard.Write, c.complain)},
		{20, c.askAndLeave},
	}
}

// attack starts a goroutine for each connection. The goroutines end with the
// process.
func (c crowd) attack(all []behaviour) {
	for _, a := range all {
		for range a.connections {
			go func() {
				for {
					a.behave()
					time.Sleep(pauseBetween)
				}
			}()
		}
	}
}

const (
	// pauseBetween is the pause of an attacker between two connections.
	pauseBetween = 20 * time.Millisecond
	// forever is longer than any siege.
	forever = time.Hour
)

// native returns a behaviour that connects to the Broker port and calls behave.
func (c crowd) native(behave func(net.Conn)) func() {
	return func() {
		conn, err := c.dialer.Dial("tcp", c.peers)
		if err != nil {
			return
		}
		defer conn.Close()
		behave(conn)
	}
}

// stall sends nothing and reads nothing.
func stall(net.Conn) { time.Sleep(forever) }

// trickle begins a handshake and sends one byte per second.
func trickle(conn net.Conn) {
	for _, b := range wire.NewHandshake(wire.Dialer, bus.NewID()).Open() {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// announce4GB begins a frame of the greatest length that a header can state.
func announce4GB(conn net.Conn) {
	conn.Write([]byte{0xff, 0xff, 0xff, 0xff, 1})
	io.Copy(io.Discard, conn)
}

// enemy is a peer that has completed its handshake.
type enemy struct {
	net.Conn
	id bus.ID
}

// nothing is the read argument of a peer that does not read.
var nothing func([]byte) (int, error)

// peer returns a behaviour that connects to the Broker port, subscribes to prefix
// and calls behave. It passes received bytes to read; if read is nil, it does not
// read.
func (c crowd) peer(prefix string, read func([]byte) (int, error), behave func(enemy)) func() {
	return c.native(func(conn net.Conn) {
		e := enemy{conn, bus.NewID()}
		if !ShakeHands(e, e.id, prefix) {
			return
		}
		if read != nil {
			var reader sync.WaitGroup
			defer reader.Wait()
			defer conn.Close()
			reader.Go(func() { io.Copy(writerFunc(read), conn) })
		}
		behave(e)
	})
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }

// ShakeHands completes the handshake of a peer that has dialed and that subscribes
// to these prefixes. It reports whether there is a peering now. It reads nothing
// beyond the handshake.
func ShakeHands(conn io.ReadWriter, id bus.ID, prefixes ...string) bool {
	h := wire.NewHandshake(wire.Dialer, id)
	if _, err := conn.Write(h.Open()); err != nil {
		return false
	}
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(conn, head); err != nil {
			return false
		}
		body := make([]byte, int(head[2])<<8|int(head[3]))
		if _, err := io.ReadFull(conn, body); err != nil {
			return false
		}
		step, err := h.Feed(body)
		if err != nil {
			return false
		}
		conn.Write(step.Send)
		if step.Claim {
			conn.Write(h.Accept(wire.NewFilter(prefixes...)))
		}
		if step.Established {
			return true
		}
	}
}

// data returns the frame of a message that claims to come from sender.
func data(sender bus.ID, topic string, v zval.Value) []byte {
	frame := wire.AppendDataHeader(nil, sender, topic, native.Size(v))
	return native.Append(frame, v)
}

// repeat sends the frames again and again until the connection ends.
func repeat(conn net.Conn, frames ...[]byte) {
	for {
		for _, f := range frames {
			if _, err := conn.Write(f); err != nil {
				return
			}
		}
	}
}

func idle(enemy) { time.Sleep(forever) }

// swell begins a message of almost the greatest length that is allowed, and never
// ends it.
func swell(e enemy) {
	e.Write([]byte{0x00, 0xff, 0xff, 0xff})
	chunk := make([]byte, 256<<10)
	for range 60 {
		if _, err := e.Write(chunk); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(time.Minute)
}

// forge sends requests that claim to come from other peers.
func (c crowd) forge(e enemy) {
	repeat(e, data(bus.NewID(), mgmt.ControllerTopic, codec.Encode(mgmt.DeployRequest{ReqID: "forged"})))
}

// impersonate sends every kind of message that the agent victim could send.
func (c crowd) impersonate(e enemy) {
	topic := mgmt.AgentTopics + "/" + string(c.victim)
	hello := func(id string) zval.Value {
		return codec.Encode(mgmt.NotifyAgentHello{Instance: c.victim, ID: id, APIVersion: mgmt.APIVersion})
	}
	repeat(e,
		data(e.id, topic, hello(e.id.String())),
		data(e.id, topic, hello(bus.NewID().String())),
		data(e.id, topic, codec.Encode(mgmt.AgentGetNodesResponse{ReqID: "x", Result: mgmt.Result{Success: true, Data: mgmt.NodeStatuses{}}})),
		data(e.id, topic, codec.Encode(mgmt.NotifyError{Instance: c.victim, Msg: "lies", Node: "worker"})),
		data(e.id, topic, wire.Event{Name: "Management::Agent::API::notify_agent_hello"}.Value()),
		data(e.id, mgmt.NodeTopic, codec.Encode(mgmt.NotifyNodeHello{Node: "worker"})),
	)
}

// flood sends requests as fast as the controller reads them.
func (c crowd) flood(e enemy) {
	repeat(e,
		data(e.id, mgmt.ControllerTopic, codec.Encode(mgmt.GetNodesRequest{ReqID: "a"})),
		data(e.id, mgmt.ControllerTopic, codec.Encode(mgmt.GetNodesRequest{ReqID: mgmt.ReqID(bus.NewID().String())})),
		data(e.id, mgmt.ControllerTopic, codec.Encode(mgmt.DeployRequest{})),
		data(e.id, mgmt.ControllerTopic, zval.String("not an event")),
	)
}

// bloat sends short messages that take much memory: each value is one byte on the
// wire and 64 bytes in memory.
func (c crowd) bloat(e enemy) {
	bulk := zval.Vector(make([]zval.Value, 1<<20-8)...)
	repeat(e, data(e.id, mgmt.ControllerTopic, bulk))
}

// client returns a behaviour that connects to the WebSocket port, subscribes to
// the API's topic and calls behave.
func (c crowd) client(behave func(*framing.Conn)) func() {
	return func() {
		conn, err := c.upgrade()
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		if conn.Write(context.Background(), framing.MessageText, []byte(`["zeek/management"]`)) != nil {
			return
		}
		behave(conn)
	}
}

// upgrade connects to the WebSocket port.
func (c crowd) upgrade() (*framing.Conn, error) {
	transport := &http.Transport{DialContext: c.dialer.DialContext}
	defer transport.CloseIdleConnections()
	conn, _, err := framing.Dial(context.Background(), "ws://"+c.clients+websocket.Path,
		&framing.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	return conn, err
}

// pongs reads, so that the framing library answers pings, and does nothing else.
func pongs(conn *framing.Conn) {
	for {
		if _, _, err := conn.Reader(context.Background()); err != nil {
			return
		}
	}
}

// pings sends pings as fast as the controller reads them.
func (c crowd) pings(conn *framing.Conn) {
	go pongs(conn)
	for conn.Write(context.Background(), opPing, []byte("x")) == nil {
	}
}

// opPing is the opcode of a ping. The framing library writes any message type into
// the frame as the opcode.
const opPing framing.MessageType = 9

// fragments sends a message of empty fragments that never ends.
func (c crowd) fragments() {
	conn, err := c.dialer.Dial("tcp", c.clients)
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nUpgrade: websocket\r\nHost: %s\r\nSec-WebSocket-Key: x\r\n"+
		"Sec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n\r\n", websocket.Path, c.clients)
	go io.Copy(io.Discard, conn)
	io.WriteString(conn, "\x01\x80\x00\x00\x00\x00")
	repeat(conn, []byte(strings.Repeat("\x00\x80\x00\x00\x00\x00", 1000)))
}

// hoardTopics subscribes to as many topics as one message can hold.
func (c crowd) hoardTopics() {
	conn, err := c.upgrade()
	if err != nil {
		return
	}
	defer conn.CloseNow()
	topics := make([]string, 1024)
	for i := range topics {
		topics[i] = strings.Repeat("x", 8<<10)
	}
	conn.Write(context.Background(), framing.MessageText, wsjson.AppendTopics(nil, topics))
	pongs(conn)
}

// hoardPrefixes announces a filter of 65,536 prefixes.
func (c crowd) hoardPrefixes() {
	c.peer("x", io.Discard.Write, func(e enemy) {
		prefixes := make([]string, 1<<16)
		for i := range prefixes {
			prefixes[i] = fmt.Sprintf("topic/%010d", i)
		}
		repeat(e, wire.AppendRoutingUpdate(nil, e.id, bus.ID{}, wire.NewFilter(prefixes...)))
	})()
}

// complain sends messages that make the controller log long texts.
func (c crowd) complain(e enemy) {
	long := strings.Repeat("x", 1<<20)
	repeat(e,
		data(e.id, mgmt.AgentTopics+"/"+string(c.victim), codec.Encode(mgmt.NotifyError{Instance: c.victim, Msg: long})),
		data(e.id, mgmt.ControllerTopic, wire.Event{Name: long, Args: []zval.Value{}}.Value()),
	)
}

// askAndLeave asks for the configuration a hundred times, and leaves without
// waiting for the answers.
func (c crowd) askAndLeave() {
	c.client(func(conn *framing.Conn) {
		for range 100 {
			text := wsjson.AppendMessage(nil, mgmt.ControllerTopic,
				codec.Encode(mgmt.GetConfigurationRequest{ReqID: mgmt.ReqID(bus.NewID().String())}))
			if conn.Write(context.Background(), framing.MessageText, text) != nil {
				return
			}
		}
	})()
}

// emptyFrames sends frames of length 0.
func emptyFrames(e enemy) { repeat(e, make([]byte, 64<<10)) }

func readNothing(*framing.Conn) { time.Sleep(forever) }

// babble sends texts that are no messages.
func babble(conn *framing.Conn) {
	for _, text := range []string{"", "{", `{"type":"data-message"}`, "\xff", `["x"]`} {
		for range 1000 {
			if conn.Write(context.Background(), framing.MessageText, []byte(text)) != nil {
				return
			}
		}
	}
}

// send100MB sends a message that is too long.
func send100MB(conn *framing.Conn) {
	w, err := conn.Writer(context.Background(), framing.MessageText)
	if err != nil {
		return
	}
	chunk := make([]byte, 1<<20)
	for range 100 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// ask sends requests and reads no answers.
func (c crowd) ask(conn *framing.Conn) {
	text := wsjson.AppendMessage(nil, mgmt.ControllerTopic, codec.Encode(mgmt.GetNodesRequest{ReqID: "a"}))
	for conn.Write(context.Background(), framing.MessageText, text) == nil {
	}
}

// rawWebSocket begins a WebSocket upgrade and stalls.
func (c crowd) rawWebSocket() {
	conn, err := c.dialer.Dial("tcp", c.clients)
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "GET /v1/messages/json HTTP/1.1\r\n")
	time.Sleep(time.Minute)
}
