package wire

import "fmt"

// Role is the side of a connection.
type Role uint8

// The roles. They do not decide which side is the originator of the handshake.
const (
	Dialer Role = iota + 1
	Acceptor
)

// Handshake is one side of a handshake (spec broker-wire 3.5). The caller writes the
// bytes that Open returns. Then it passes each message of the peer to Feed, and does
// what the Step says. The handshake ends with a Step that is Established, or with an
// error.
type Handshake struct {
	role       Role
	self       ID
	state      state
	originator bool
	announced  ID // in the peer's HELLO; nil before the HELLO
	remote     ID
	filter     Filter // of this side, from Accept
	theirs     Filter // of the peer
}

// state says which message the handshake waits for.
type state uint8

const (
	awaitHello         state = iota // D0 or A0: a dialer takes VERSION_SELECT as well
	awaitVersionSelect              // W1
	awaitClaim                      // the caller must Accept or Refuse
	awaitSyn                        // W2
	awaitAck                        // W3
	awaitSynAck                     // O1
	established
	ended
)

// Step is what the caller must do after a message of the peer.
type Step struct {
	// Send must be written before anything else, in a Write of its own. Over TLS, a
	// Write is one record, and Broker may ignore the bytes that follow the end of the
	// handshake in the same record (spec broker-wire 2.7).
	Send []byte
	// Claim asks the caller to decide whether the peer Remote may have this
	// connection. The caller must call Accept or Refuse before the next Feed.
	Claim bool
	// Established says that the handshake has succeeded. Node messages follow, in both
	// directions.
	Established bool
}

// NewHandshake returns a handshake that has not begun. self must not be nil.
func NewHandshake(role Role, self ID) *Handshake { return &Handshake{role: role, self: self} }

// Open returns the bytes that this side sends first.
func (h *Handshake) Open() []byte {
	if h.role == Dialer {
		return AppendHandshake(nil, h.hello())
	}
	return AppendHandshake(nil, Probe{})
}

// Remote returns the peer's ID. It is known from the first Claim on.
func (h *Handshake) Remote() ID { return h.remote }

// RemoteFilter returns the peer's filter. It is known when Established.
func (h *Handshake) RemoteFilter() Filter { return h.theirs }

// Originator reports whether this side is the originator, because it has the smaller
// ID. The originator decides which of several connections is kept. It is known from the
// first Claim on.
func (h *Handshake) Originator() bool { return h.originator }

// Accept answers a Claim with yes. It returns the bytes to send. filter is the filter
// that the peer is told.
func (h *Handshake) Accept(filter Filter) []byte {
	h.mustClaim()
	h.filter = filter
	if !h.originator {
		h.state = awaitSyn
		return nil
	}
	h.state = awaitSynAck
	out := AppendHandshake(nil, VersionSelect{h.self, Version})
	return AppendHandshake(out, OriginatorSyn{filter.prefixes})
}

// Refuse answers a Claim with no. It returns the bytes to send before the connection is
// closed.
func (h *Handshake) Refuse(code DropCode, text string) []byte {
	h.mustClaim()
	return h.drop(code, text)
}

func (h *Handshake) mustClaim() {
	if h.state != awaitClaim {
		panic("wire: answer without a claim")
	}
}

// Feed takes the peer's next message, as CutFrame has returned it. An error ends the
// handshake. It is a *DropError if the peer has ended the handshake, and a
// *ProtocolError otherwise. Even with an error, the caller must write Send before it
// closes the connection. Feed must not be called after an error, after Established, or
// before a Claim is answered.
func (h *Handshake) Feed(message []byte) (Step, error) {
	if h.state == awaitClaim || h.state >= established {
		panic("wire: message fed to a handshake that expects none")
	}
	step, err := h.feed(message)
	if err == nil {
		return step, nil
	}
	h.state = ended
	if pe, ok := err.(*ProtocolError); ok && pe.Code != DropNone {
		step.Send = h.drop(pe.Code, pe.Reason)
	}
	return step, err
}

func (h *Handshake) feed(message []byte) (Step, error) {
	m, err := DecodeHandshake(message)
	if err != nil {
		return Step{}, err
	}
	switch m := m.(type) {
	case DropConn:
		return Step{}, &DropError{m.ID, m.Code, m.Text}
	case Probe:
		if h.state == awaitHello || h.state == awaitVersionSelect {
			return Step{}, nil
		}
	case Hello:
		if h.state == awaitHello {
			return h.onHello(m)
		}
	case VersionSelect:
		if h.state == awaitVersionSelect || h.state == awaitHello && h.role == Dialer {
			return h.onVersionSelect(m)
		}
	case OriginatorSyn:
		if h.state == awaitSyn {
			h.theirs = NewFilter(m.Prefixes...)
			h.state = awaitAck
			return Step{Send: AppendHandshake(nil, ResponderSynAck{h.filter.prefixes})}, nil
		}
	case ResponderSynAck:
		if h.state == awaitSynAck {
			h.theirs = NewFilter(m.Prefixes...)
			h.state = established
			return Step{Send: AppendHandshake(nil, OriginatorAck{}), Established: true}, nil
		}
	case OriginatorAck:
		if h.state == awaitAck {
			h.state = established
			return Step{Established: true}, nil
		}
	}
	return Step{}, h.unexpected(m)
}

func (h *Handshake) onHello(m Hello) (Step, error) {
	if m.MinVersion > Version || m.MaxVersion < Version {
		return Step{}, &ProtocolError{"hello", "unsupported versions offered", DropPeerIncompatible}
	}
	if err := h.checkID("hello", m.ID); err != nil {
		return Step{}, err
	}
	if h.self.Compare(m.ID) < 0 {
		h.remote, h.originator, h.state = m.ID, true, awaitClaim
		return Step{Claim: true}, nil
	}
	h.announced, h.state = m.ID, awaitVersionSelect
	return Step{Send: AppendHandshake(nil, h.hello())}, nil
}

func (h *Handshake) onVersionSelect(m VersionSelect) (Step, error) {
	const part = "version_select"
	if m.Version != Version {
		return Step{}, &ProtocolError{part, "unsupported version selected", DropPeerIncompatible}
	}
	if err := h.checkID(part, m.ID); err != nil {
		return Step{}, err
	}
	if !h.announced.IsNil() && m.ID != h.announced {
		return Step{}, &ProtocolError{Part: part, Reason: fmt.Sprintf("from %s, which said hello as %s", m.ID, h.announced)}
	}
	if h.self.Compare(m.ID) < 0 {
		return Step{}, &ProtocolError{Part: part, Reason: "from the side with the larger id"}
	}
	h.remote, h.state = m.ID, awaitClaim
	return Step{Claim: true}, nil
}

// checkID refuses an ID that cannot be the peer's.
func (h *Handshake) checkID(part string, id ID) error {
	switch id {
	case ID{}:
		return malformed(part, "nil id")
	case h.self:
		return &ProtocolError{Part: part, Reason: "the peer has this endpoint's own id"}
	}
	return nil
}

func (h *Handshake) unexpected(m HandshakeMessage) error {
	waiting := map[state]string{
		awaitHello:         "hello",
		awaitVersionSelect: "version_select",
		awaitSyn:           "originator_syn",
		awaitAck:           "originator_ack",
		awaitSynAck:        "responder_syn_ack",
	}[h.state]
	return &ProtocolError{Part: "handshake", Reason: fmt.Sprintf("%s where %s is due", m.name(), waiting)}
}

func (h *Handshake) hello() Hello { return Hello{h.self, Version, Version} }

func (h *Handshake) drop(code DropCode, text string) []byte {
	h.state = ended
	return AppendHandshake(nil, DropConn{h.self, code, text})
}
