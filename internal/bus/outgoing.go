package bus

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// encoder makes the messages that an endpoint sends.
type encoder struct {
	id         ID
	maxFrame   int // bytes of a message to a native peer
	shared     sharedLists
	log        *slog.Logger
	unsendable Throttle // of warnings
}

// The warnings about messages that cannot be sent are bounded by these.
const (
	unsendableLogged   = 5
	unsendableInterval = time.Minute
)

func (e *encoder) message(topic string, v zval.Value) *outgoing {
	return &outgoing{encoder: e, topic: topic, value: v}
}

// outgoing is one message that is sent to any number of peers. It is encoded at
// most once for each kind of peer. It is safe for concurrent use.
type outgoing struct {
	encoder *encoder
	topic   string
	value   zval.Value

	nativeOnce  sync.Once
	nativeFrame []byte

	jsonOnce sync.Once
	jsonText wsText
}

// Encoded returns v, a container, in a form that is encoded for native peers already: messages that
// contain v copy those bytes.
func Encoded(v zval.Value) zval.Value { return native.Encoded(v) }

// native returns the whole frame for native peers, the same for all of them. It
// is nil for a message that must not be sent to them. Nobody may change the
// frame.
func (m *outgoing) native() []byte {
	m.nativeOnce.Do(func() { m.nativeFrame = m.encodeNative() })
	return m.nativeFrame
}

func (m *outgoing) encodeNative() []byte {
	payload := native.Size(m.value)
	size := wire.DataFrameSize(m.topic, payload)
	if why := m.unsendable(size); why != "" {
		m.encoder.unsendable.Warn(m.encoder.log, "message not sent to native peers",
			"topic", m.topic[:min(len(m.topic), 100)], "bytes", size, "err", why)
		return nil
	}
	frame := wire.AppendDataHeader(make([]byte, 0, size), m.encoder.id, m.topic, payload)
	return native.Append(frame, m.value)
}

// unsendable returns why native peers do not get a message whose frame has that
// size. It returns "" if they get it.
func (m *outgoing) unsendable(size int) string {
	switch {
	case strings.HasPrefix(m.topic, wire.ReservedPrefix):
		return "the topic is reserved"
	case len(m.topic) > wire.MaxTopic:
		return "the topic is too long"
	case size > m.encoder.maxFrame:
		return "the message is longer than this endpoint itself would take"
	}
	return ""
}

// json returns the message for WebSocket clients, the same for all of them. It
// has no parts if WebSocket clients do not get the message. Nobody may change it.
func (m *outgoing) json() wsText {
	m.jsonOnce.Do(func() { m.jsonText.parts, m.jsonText.own = m.encoder.shared.text(m.topic, m.value) })
	return m.jsonText
}

// wsText is the text of a message, in parts. own is the number of its bytes that
// no other message shares.
type wsText struct {
	parts [][]byte
	own   int
}

func newWSText(text []byte) wsText { return wsText{[][]byte{text}, len(text)} }
