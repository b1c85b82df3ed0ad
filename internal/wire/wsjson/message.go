package wsjson

import "github.com/zeekfleet/zeekfleet/internal/zval"

// The code and the contexts of a server's error messages, in Zeek's words (spec
// websocket 10).
const (
	CodeDeserialization = "deserialization_failed"

	ContextTopics = "subscriptions not an array"
	ContextPrefix = "individual subscription not a string"
	ContextBody   = "failed to decode JSON object"
	ContextTopic  = "no topic in top-level JSON object"
	ContextEvent  = "failed to create Zeek event"
)

// reservedTopic is the topic that Broker uses itself. A message with this topic counts
// as a message without a topic (spec websocket 7.3).
const reservedTopic = "<$>"

// Message is a message of a server to a client: an Ack, a Failure, a Data, or, if its
// type is unknown, an Other.
type Message interface{ isMessage() }

// Ack is a server's first message.
type Ack struct {
	Endpoint string // the client's ID at the server
	Version  string // of Zeek
}

// Failure is a server's error message. The code may be an unknown one.
type Failure struct {
	Code    string
	Context string
}

// Data is a data message.
type Data struct {
	Topic string
	Value zval.Value
}

// Other is a message of an unknown type. Clients ignore it.
type Other struct{ Type string }

func (Ack) isMessage()     {}
func (Failure) isMessage() {}
func (Data) isMessage()    {}
func (Other) isMessage()   {}

// AppendAck appends the message that accepts a client's topics.
func AppendAck(dst []byte, m Ack) []byte {
	dst = appendString(append(dst, `{"type":"ack","endpoint":`...), m.Endpoint)
	dst = appendString(append(dst, `,"version":`...), m.Version)
	return append(dst, '}')
}

// AppendFailure appends an error message.
func AppendFailure(dst []byte, m Failure) []byte {
	dst = appendString(append(dst, `{"type":"error","code":`...), m.Code)
	dst = appendString(append(dst, `,"context":`...), m.Context)
	return append(dst, '}')
}

// AppendTopics appends the array of topic prefixes that is a client's first message.
func AppendTopics(dst []byte, prefixes []string) []byte {
	dst = append(dst, '[')
	for i, prefix := range prefixes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, prefix)
	}
	return append(dst, ']')
}

// ParseTopics returns the topic prefixes in a client's first message, in order
// and with repetitions. The error is an *Error with ContextTopics or
// ContextPrefix.
func ParseTopics(text []byte, lim Limits) ([]string, error) {
	p := newParser(text, lim)
	var prefixes []string
	var odd *Error // the first element that is no string; an error in the text comes first
	err := p.array(func() *Error {
		if p.next() != '"' {
			if odd == nil {
				odd = p.fail("not a string")
			}
			return p.skip()
		}
		prefix, err := p.str()
		prefixes = append(prefixes, prefix)
		return err
	})
	if err == nil {
		err = p.end()
	}
	switch {
	case err != nil:
		return nil, err.in(ContextTopics)
	case odd != nil:
		return nil, odd.in(ContextPrefix)
	}
	return prefixes, nil
}

// ParseMessage parses a client's message, and returns its topic and its value. It
// ignores the type. The value does not alias text. The value's strings and the topic
// share one copy of text. The error is an *Error: with ContextTopic if only the topic is
// wrong, and with ContextBody otherwise.
func ParseMessage(text []byte, lim Limits) (topic string, v zval.Value, err error) {
	p := newParser(text, lim)
	var m envelope
	if e := p.envelope(&m); e != nil {
		return "", zval.None(), e.in(ContextBody)
	}
	if e := p.message(&m); e != nil {
		return "", zval.None(), e
	}
	return m.topic.text, m.value, nil
}

// Parse parses a server's message. The error is an *Error, as for ParseMessage.
func Parse(text []byte, lim Limits) (Message, error) {
	p := newParser(text, lim)
	var m envelope
	if e := p.envelope(&m); e != nil {
		return nil, e.in(ContextBody)
	}
	switch m.typ.text {
	case "data-message":
		if e := p.message(&m); e != nil {
			return nil, e
		}
		return Data{m.topic.text, m.value}, nil
	case "ack":
		return Ack{m.endpoint.text, m.version.text}, nil
	case "error":
		return Failure{m.code.text, m.context.text}, nil
	}
	return Other{m.typ.text}, nil
}
