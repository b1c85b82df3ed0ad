package bus

import (
	"sync"

	"zeekfleet/internal/zval"
)

// outgoing is one message on its way to any number of peers. It is encoded at
// most once for each kind of peer, by the first that asks.
type outgoing struct {
	sender ID
	topic  string
	value  zval.Value

	nativeOnce  sync.Once
	nativeFrame []byte

	jsonOnce sync.Once
	jsonText []byte
}

func newOutgoing(sender ID, topic string, v zval.Value) *outgoing {
	return &outgoing{sender: sender, topic: topic, value: v}
}

// json returns the message as encode makes it of topic and value; every caller
// must pass the same encode. Nobody may change the result.
func (m *outgoing) json(encode func(topic string, v zval.Value) []byte) []byte {
	m.jsonOnce.Do(func() { m.jsonText = encode(m.topic, m.value) })
	return m.jsonText
}
