package bus_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// node returns the frame of a node message from largeID to middleID.
func node(typ wire.Type, topic string, payload string) []byte {
	return wire.AppendMessage(nil, wire.Message{
		Sender: largeID, Receiver: middleID, Type: typ, TTL: wire.DefaultTTL, Topic: []byte(topic), Payload: []byte(payload),
	})
}

// A peer sends a frame that no peer may send, while another peer is connected.
func TestHostileFramesEndTheirConnectionAlone(t *testing.T) {
	deep := strings.Repeat("\x0e\x01", 200) + "\x00"
	for name, c := range map[string]struct {
		frames []byte
		want   string // in the error
	}{
		"a frame beyond the limit":              {unhex(t, "00200001"), "2097153 bytes announced, at most 2097152"},
		"a frame of four gigabytes":             {unhex(t, "ffffffff"), "4294967295 bytes announced"},
		"less than a header":                    {unhex(t, "00000003 010203"), "the header alone takes 37"},
		"a handshake message":                   {wire.AppendHandshake(nil, wire.OriginatorAck{}), "the header alone takes 37"},
		"a topic that ends after the frame":     {hackTopic(node(wire.TypeData, "news", "\x00")), "topic of 65535 bytes"},
		"data without a value":                  {node(wire.TypeData, "news", ""), `"news"`},
		"data with two values":                  {node(wire.TypeData, "news", "\x00\x00"), "left over"},
		"an unknown tag":                        {node(wire.TypeData, "news", "\x0f"), "unknown tag"},
		"a string that ends after the frame":    {node(wire.TypeData, "news", "\x05\xff\xff\xff\xff\x0f"), "decode value"},
		"a vector of four billion":              {node(wire.TypeData, "news", "\x0e\xff\xff\xff\xff\x0f"), "decode value"},
		"a value nested too deeply":             {node(wire.TypeData, "news", deep), "decode value"},
		"a set with a duplicate":                {node(wire.TypeData, "news", "\x0c\x02\x00\x00"), "decode value"},
		"an empty routing update":               {node(wire.TypeRoutingUpdate, "<$>", ""), "routing update"},
		"a routing update with too few":         {node(wire.TypeRoutingUpdate, "<$>", "\x02\x01a"), "prefix 2 of 2 is cut off"},
		"a routing update with bytes after it":  {node(wire.TypeRoutingUpdate, "<$>", "\x00\x00"), "left over"},
		"a routing update of more than 128 KiB": {node(wire.TypeRoutingUpdate, "<$>", strings.Repeat("x", 128<<10+1)), "131073 bytes, at most 131072"},
		"a routing update of four billion":      {node(wire.TypeRoutingUpdate, "<$>", "\xff\xff\xff\xff\x0f"), "at most 1024"},
		"a routing update of 1025":              {node(wire.TypeRoutingUpdate, "<$>", "\x81\x08"), "1025 prefixes announced, at most 1024 are allowed"},
		"a routing update of 65 KiB":            {node(wire.TypeRoutingUpdate, "<$>", "\x41"+strings.Repeat("\x80\x08"+strings.Repeat("x", 1024), 65)), "prefixes of more than 65536 bytes together"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID, MaxFrame: 2 << 20})
				events := subscribe(t, e, "news")
				ln, _ := servePipe(t, e)
				good := connectPeer(t, ln, smallID, "news")
				next[bus.PeerAdded](t, events)
				bad := connectPeer(t, ln, largeID)
				next[bus.PeerAdded](t, events)

				bad.send(c.frames)
				lost := next[bus.PeerLost](t, events)
				if lost.Peer.ID != largeID.String() || !strings.Contains(lost.Err.Error(), c.want) {
					t.Errorf("lost %v because of %q, want %q in it", lost.Peer.ID, lost.Err, c.want)
				}
				bad.gone()
				good.send(good.data("news", text("still here")))
				next[bus.Message](t, events)
				e.Publish("news", text("you too"))
				good.message(wire.TypeData)
			})
		})
	}
}

// hackTopic gives the topic of a frame's message the greatest length.
func hackTopic(frame []byte) []byte {
	frame[4+35], frame[4+36] = 0xff, 0xff
	return frame
}

func TestTruncatedFrameIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		events := subscribe(t, e)
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID)
		next[bus.PeerAdded](t, events)
		p.send(unhex(t, "00000030 0102"))
		p.conn.Close()
		if lost := next[bus.PeerLost](t, events); !strings.Contains(lost.Err.Error(), "in the middle of a frame") {
			t.Errorf("lost because of %v", lost.Err)
		}
	})
}

// A peer sends messages that are not for the endpoint, and stays connected.
func TestWhatIsNotForUsIsIgnored(t *testing.T) {
	garbage := "\xff\xff"
	for name, c := range map[string]struct {
		frames []byte
		want   string // in the log, about what was ignored; empty: nothing
	}{
		"an empty frame":                  {unhex(t, "00000000"), ""},
		"a store's command":               {node(wire.TypeCommand, "news", garbage), "commands=1"},
		"an unknown type":                 {node(13, "news", garbage), "unknown=1"},
		"a pong without a ping":           {node(wire.TypePong, "<$>", garbage), ""},
		"a pong to a goodbye never said":  {node(wire.TypePong, "<$>", string(wire.ByePayload(1))), ""},
		"a topic that nobody wants":       {node(wire.TypeData, "zeek/logs/x", garbage), "unwanted=1"},
		"a reserved topic":                {node(wire.TypeData, "<$>/local/data/statuses", garbage), "reserved=1"},
		"data for another endpoint":       {dataFrame(largeID, smallID, "news", text("x")), "misaddressed=1"},
		"data from another endpoint":      {dataFrame(smallID, middleID, "news", text("x")), "misaddressed=1"},
		"data from nobody":                {dataFrame(bus.ID{}, middleID, "news", text("x")), "misaddressed=1"},
		"data that pretends to be ours":   {dataFrame(middleID, middleID, "news", text("x")), "misaddressed=1"},
		"another peer's routing update":   {wire.AppendRoutingUpdate(nil, smallID, middleID, wire.Filter{}), "misaddressed=1"},
		"a ping from nobody is no ping":   {wire.AppendPing(nil, bus.ID{}, middleID, nil), "misaddressed=1"},
		"three of them in a single write": {bytes.Repeat(node(wire.TypeCommand, "news", garbage), 3), "commands=3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logText
				e := newEndpoint(t, bus.Config{ID: middleID, Logger: log.logger()})
				events := subscribe(t, e, "news")
				ln, _ := servePipe(t, e)
				p := connectPeer(t, ln, largeID)
				next[bus.PeerAdded](t, events)
				p.send(c.frames)
				p.send(dataFrame(largeID, middleID, "news", text("for us")))
				if m := next[bus.Message](t, events); m.Value.Text() != "for us" {
					t.Errorf("got %v", m)
				}
				p.conn.Close()
				next[bus.PeerLost](t, events)
				if got := ignoredMessages(log.take()); got != c.want {
					t.Errorf("ignored %q, want %q", got, c.want)
				}
			})
		})
	}
}

// ignoredMessages returns the counts in the log of the messages that were ignored.
func ignoredMessages(log string) string {
	_, rest, _ := strings.Cut(log, `msg="messages of a peer were ignored" peer=`+largeID.String()+" ")
	counts, _, _ := strings.Cut(rest, "\n")
	return counts
}

// A peer begins with bytes with which no peer may begin.
func TestHostileHandshakesEndAlone(t *testing.T) {
	for name, c := range map[string]struct {
		says []byte
		told wire.HandshakeMessage // what the endpoint answers, if anything
	}{
		"an empty frame":         {unhex(t, "00000000"), nil},
		"a frame beyond 128 KiB": {unhex(t, "00020001"), nil},
		"a TLS hello":            {unhex(t, "16030100f8"), nil},
		"HTTP":                   {[]byte("GET / HTTP/1.1\r\n\r\n"), nil},
		"a node message":         {node(wire.TypeData, "news", "\x00"), wire.DropConn{ID: middleID, Code: wire.DropInvalidMessage, Text: "unknown message type 51"}},
		"the end first":          {wire.AppendHandshake(nil, wire.OriginatorAck{}), nil},
		"our own id":             {wire.AppendHandshake(nil, wire.Hello{ID: middleID, MinVersion: 1, MaxVersion: 1}), nil},
		"a wrong magic number":   {unhex(t, "00000005 0700000000"), wire.DropConn{ID: middleID, Code: wire.DropWrongMagic, Text: "wrong magic number 0x00000000"}},
		"another version":        {wire.AppendHandshake(nil, wire.Hello{ID: largeID, MinVersion: 2, MaxVersion: 9}), wire.DropConn{ID: middleID, Code: wire.DropPeerIncompatible, Text: "unsupported versions offered"}},
		"a hello that is empty":  {unhex(t, "00000001 06"), wire.DropConn{ID: middleID, Code: wire.DropInvalidMessage, Text: "1 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID})
				ln, _ := servePipe(t, e)
				bad := connectRaw(t, ln, largeID)
				bad.hears(wire.Probe{})
				go bad.conn.Write(c.says) // the endpoint may close the connection before the end
				if c.told != nil {
					bad.hears(c.told)
				}
				bad.gone()
				connectPeer(t, ln, largeID)
			})
		})
	}
}

func TestPingsAreAnsweredInOrderWithEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		events := subscribe(t, e, "ask")
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "answer")
		next[bus.PeerAdded](t, events)
		p.send(p.data("ask", text("?")))
		next[bus.Message](t, events)
		e.Publish("answer", text("!"))
		p.send(wire.AppendPing(nil, largeID, middleID, wire.ByePayload(9)))
		p.message(wire.TypeData)
		if pong := p.message(wire.TypePong); !bytes.Equal(pong.Payload, wire.ByePayload(9)) || pong.Sender != middleID || pong.Receiver != largeID {
			t.Errorf("got %+v", pong)
		}
		// After the peer's goodbye it is still a peer until it closes.
		p.send(p.data("ask", text("one more")))
		next[bus.Message](t, events)
	})
}
