package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// say returns m as a handshake is fed with it.
func say(m wire.HandshakeMessage) []byte { return wire.AppendHandshake(nil, m)[4:] }

// heard names the messages in what a handshake sends.
func heard(t testing.TB, sent []byte) (messages []wire.HandshakeMessage) {
	t.Helper()
	for len(sent) > 0 {
		message, rest, err := wire.CutFrame(sent, wire.MaxHandshakeFrame)
		if err != nil {
			t.Fatalf("sent %x: %v", sent, err)
		}
		m, err := wire.DecodeHandshake(message)
		if err != nil {
			t.Fatalf("sent %x: %v", message, err)
		}
		messages, sent = append(messages, m), rest
	}
	return messages
}

type handshakeMessages = []wire.HandshakeMessage

func helloOf(id wire.ID) wire.Hello { return wire.Hello{ID: id, MinVersion: 1, MaxVersion: 1} }

var ourFilter, theirFilter = []string{"ours/"}, []string{"theirs/"}

// handshakeCase is a handshake with a peer that sends these messages.
type handshakeCase struct {
	role     wire.Role
	self     wire.ID
	fed      handshakeMessages
	sent     handshakeMessages
	err      string // empty: established
	dropCode wire.DropCode
}

// The peer is B in these handshakes. So A originates and B responds.
var handshakeCases = map[string]handshakeCase{
	"a dialer with the smaller id originates": {
		role: wire.Dialer, self: idA,
		fed:  handshakeMessages{wire.Probe{}, helloOf(idB), wire.ResponderSynAck{theirFilter}},
		sent: handshakeMessages{helloOf(idA), wire.VersionSelect{idA, 1}, wire.OriginatorSyn{ourFilter}, wire.OriginatorAck{}},
	},
	"an acceptor with the smaller id originates": {
		role: wire.Acceptor, self: idA,
		fed:  handshakeMessages{helloOf(idB), wire.ResponderSynAck{theirFilter}},
		sent: handshakeMessages{wire.Probe{}, wire.VersionSelect{idA, 1}, wire.OriginatorSyn{ourFilter}, wire.OriginatorAck{}},
	},
	"a dialer with the larger id responds": {
		role: wire.Dialer, self: idB,
		fed:  handshakeMessages{wire.Probe{}, wire.VersionSelect{idA, 1}, wire.OriginatorSyn{theirFilter}, wire.OriginatorAck{}},
		sent: handshakeMessages{helloOf(idB), wire.ResponderSynAck{ourFilter}},
	},
	"an acceptor with the larger id responds": {
		role: wire.Acceptor, self: idB,
		fed:  handshakeMessages{wire.Probe{}, helloOf(idA), wire.Probe{}, wire.VersionSelect{idA, 1}, wire.OriginatorSyn{theirFilter}, wire.OriginatorAck{}},
		sent: handshakeMessages{wire.Probe{}, helloOf(idB), wire.ResponderSynAck{ourFilter}},
	},
	"a range of versions that has ourFilter is fine": {
		role: wire.Acceptor, self: idA,
		fed:  handshakeMessages{wire.Hello{idB, 1, 99}, wire.ResponderSynAck{theirFilter}},
		sent: handshakeMessages{wire.Probe{}, wire.VersionSelect{idA, 1}, wire.OriginatorSyn{ourFilter}, wire.OriginatorAck{}},
	},
	"newer versions only": {
		role: wire.Acceptor, self: idA, fed: handshakeMessages{wire.Hello{idB, 2, 3}},
		sent: handshakeMessages{wire.Probe{}, wire.DropConn{idA, 2, "unsupported versions offered"}},
		err:  "unsupported versions offered",
	},
	"older versions only": {
		role: wire.Acceptor, self: idA, fed: handshakeMessages{wire.Hello{idB, 0, 0}},
		sent: handshakeMessages{wire.Probe{}, wire.DropConn{idA, 2, "unsupported versions offered"}},
		err:  "unsupported versions offered",
	},
	"another version selected": {
		role: wire.Dialer, self: idB, fed: handshakeMessages{wire.VersionSelect{idA, 2}},
		sent: handshakeMessages{helloOf(idB), wire.DropConn{idB, 2, "unsupported version selected"}},
		err:  "unsupported version selected",
	},
	"our own id": {
		role: wire.Acceptor, self: idA, fed: handshakeMessages{helloOf(idA)},
		sent: handshakeMessages{wire.Probe{}}, err: "own id",
	},
	"a nil id": {
		role: wire.Acceptor, self: idA, fed: handshakeMessages{helloOf(wire.ID{})},
		sent: handshakeMessages{wire.Probe{}, wire.DropConn{idA, 20, "nil id"}}, err: "nil id",
	},
	"another id than in the hello": {
		role: wire.Acceptor, self: idB, fed: handshakeMessages{helloOf(idA), wire.VersionSelect{wire.ID{1}, 1}},
		sent: handshakeMessages{wire.Probe{}, helloOf(idB)}, err: "said hello as " + idA.String(),
	},
	"a version selected by the larger id": {
		role: wire.Dialer, self: idA, fed: handshakeMessages{wire.VersionSelect{idB, 1}},
		sent: handshakeMessages{helloOf(idA)}, err: "larger id",
	},
	"a version selected without a hello, at an acceptor": {
		role: wire.Acceptor, self: idB, fed: handshakeMessages{wire.VersionSelect{idA, 1}},
		sent: handshakeMessages{wire.Probe{}}, err: "version_select where hello is due",
	},
	"a second hello": {
		role: wire.Acceptor, self: idB, fed: handshakeMessages{helloOf(idA), helloOf(idA)},
		sent: handshakeMessages{wire.Probe{}, helloOf(idB)}, err: "hello where version_select is due",
	},
	"a probe too late": {
		role: wire.Dialer, self: idB, fed: handshakeMessages{wire.VersionSelect{idA, 1}, wire.Probe{}},
		sent: handshakeMessages{helloOf(idB)}, err: "probe where originator_syn is due",
	},
	"an ack before the syn": {
		role: wire.Dialer, self: idB, fed: handshakeMessages{wire.VersionSelect{idA, 1}, wire.OriginatorAck{}},
		sent: handshakeMessages{helloOf(idB)}, err: "originator_ack where originator_syn is due",
	},
	"a syn to the originator": {
		role: wire.Dialer, self: idA, fed: handshakeMessages{helloOf(idB), wire.OriginatorSyn{theirFilter}},
		sent: handshakeMessages{helloOf(idA), wire.VersionSelect{idA, 1}, wire.OriginatorSyn{ourFilter}},
		err:  "originator_syn where responder_syn_ack is due",
	},
	"dropped at once": {
		role: wire.Dialer, self: idA, fed: handshakeMessages{wire.DropConn{idB, 39, "redundant connection"}},
		sent: handshakeMessages{helloOf(idA)}, err: "redundant_connection", dropCode: 39,
	},
	"dropped by the responder": {
		role: wire.Dialer, self: idA, fed: handshakeMessages{helloOf(idB), wire.DropConn{idB, 40, "dup"}},
		sent: handshakeMessages{helloOf(idA), wire.VersionSelect{idA, 1}, wire.OriginatorSyn{ourFilter}},
		err:  `logic_error, "dup"`, dropCode: 40,
	},
}

func TestHandshake(t *testing.T) {
	for name, c := range handshakeCases {
		t.Run(name, func(t *testing.T) {
			h := wire.NewHandshake(c.role, c.self)
			step, err := c.run(t, h)
			if c.err != "" {
				c.wantError(t, err)
				return
			}
			peer := idB
			if c.self == idB {
				peer = idA
			}
			if err != nil || !step.Established || h.Remote() != peer || h.Originator() != (c.self == idA) {
				t.Errorf("established: %v, %v, peer %v, originator %v", step.Established, err, h.Remote(), h.Originator())
			}
			if diff := cmp.Diff(theirFilter, h.RemoteFilter().Prefixes()); diff != "" {
				t.Errorf("their filter:\n%s", diff)
			}
		})
	}
}

// run feeds h the peer's messages, and checks what h sends.
func (c handshakeCase) run(t *testing.T, h *wire.Handshake) (step wire.Step, err error) {
	t.Helper()
	sent := heard(t, h.Open())
	for i, m := range c.fed {
		if step.Established || err != nil {
			t.Fatalf("over before message %d: %v", i, err)
		}
		step, err = h.Feed(say(m))
		sent = append(sent, heard(t, step.Send)...)
		if step.Claim {
			sent = append(sent, heard(t, h.Accept(wire.NewFilter(ourFilter...)))...)
		}
	}
	if diff := cmp.Diff(c.sent, sent); diff != "" {
		t.Errorf("sent:\n%s", diff)
	}
	return step, err
}

func (c handshakeCase) wantError(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), c.err) {
		t.Errorf("got error %v, want one with %q", err, c.err)
	}
	if de, ok := errors.AsType[*wire.DropError](err); ok != (c.dropCode != 0) || ok && (de.Code != c.dropCode || de.From != idB) {
		t.Errorf("got %#v, want code %v", de, c.dropCode)
	}
}

func TestRefusedClaimIsDropped(t *testing.T) {
	h := wire.NewHandshake(wire.Acceptor, idA)
	h.Open()
	step, err := h.Feed(say(wire.Hello{ID: idB, MinVersion: 1, MaxVersion: 1}))
	if err != nil || !step.Claim || h.Remote() != idB {
		t.Fatalf("got %+v, %v, remote %v", step, err, h.Remote())
	}
	want := []wire.HandshakeMessage{wire.DropConn{ID: idA, Code: 39, Text: "redundant connection"}}
	if diff := cmp.Diff(want, heard(t, h.Refuse(wire.DropRedundant, "redundant connection"))); diff != "" {
		t.Error(diff)
	}
}

// FuzzHandshake feeds a handshake of any role with random input. The handshake must
// end in a peering or an error. It must never send a message that cannot be read.
func FuzzHandshake(f *testing.F) {
	f.Add(true, wire.AppendHandshake(wire.AppendHandshake(nil, wire.Hello{idB, 1, 1}), wire.ResponderSynAck{[]string{"a"}}))
	f.Add(false, wire.AppendHandshake(wire.AppendHandshake(nil, wire.VersionSelect{wire.ID{1}, 1}), wire.OriginatorSyn{}))
	f.Fuzz(func(t *testing.T, accept bool, stream []byte) {
		role := wire.Dialer
		if accept {
			role = wire.Acceptor
		}
		h := wire.NewHandshake(role, idA)
		heard(t, h.Open())
		for {
			message, rest, err := wire.CutFrame(stream, wire.MaxHandshakeFrame)
			if err != nil {
				return
			}
			step, err := h.Feed(message)
			heard(t, step.Send)
			if err != nil || step.Established {
				return
			}
			if step.Claim {
				heard(t, h.Accept(wire.NewFilter("x")))
			}
			stream = rest
		}
	})
}
