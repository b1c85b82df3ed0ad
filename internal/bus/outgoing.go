package bus

import (
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// outgoing is one message on its way to any number of peers. It is encoded at
// most once for each kind of peer, by the first that asks. It is safe for
// concurrent use.
type outgoing struct {
	endpoint *Endpoint
	topic    string
	value    zval.Value

	nativeOnce  sync.Once
	nativeFrame []byte

	jsonOnce sync.Once
	jsonText wsText
}

func (e *Endpoint) newOutgoing(topic string, v zval.Value) *outgoing {
	return &outgoing{endpoint: e, topic: topic, value: v}
}

// native returns the whole frame for native peers, the same for all of them. It
// is nil for what must not be sent to them: reserved topics, topics that do not
// fit the header, and frames that this endpoint itself would not take. Nobody
// may change the result.
func (m *outgoing) native() []byte {
	m.nativeOnce.Do(func() { m.nativeFrame = m.encodeNative() })
	return m.nativeFrame
}

func (m *outgoing) encodeNative() []byte {
	payload := native.Size(m.value)
	size := wire.DataFrameSize(m.topic, payload)
	if len(m.topic) > wire.MaxTopic || size > m.endpoint.cfg.MaxFrame || strings.HasPrefix(m.topic, wire.ReservedPrefix) {
		m.endpoint.stats.unsendable.Add(1)
		return nil
	}
	frame := wire.AppendDataHeader(make([]byte, 0, size), m.endpoint.id, m.topic, payload)
	return native.Append(frame, m.value)
}

// json returns the message for WebSocket clients, the same for all of them; one
// without pieces is none that they see. Nobody may change the result.
func (m *outgoing) json() wsText {
	m.jsonOnce.Do(func() { m.jsonText.parts, m.jsonText.own = m.endpoint.shared.text(m.topic, m.value) })
	return m.jsonText
}

// wsText is the text of a message, in pieces. own is how many bytes of it no
// other message has.
type wsText struct {
	parts [][]byte
	own   int
}

func newWSText(text []byte) wsText { return wsText{[][]byte{text}, len(text)} }
