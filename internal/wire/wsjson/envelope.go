package wsjson

import "github.com/zeekfleet/zeekfleet/internal/zval"

// envelope holds the known members of a message's outermost object.
type envelope struct {
	typ, topic, endpoint, version, code, context member
	body                                         body
	value                                        zval.Value
}

// member is a member that should be a string.
type member struct {
	seen  bool // a member of the name was parsed; further ones do not count
	valid bool // it is a string
	text  string
}

// envelope parses a whole message into m.
func (p *parser) envelope(m *envelope) *Error {
	err := p.object(func(name string) *Error {
		if f := m.named(name); f != nil {
			return p.stringMember(f)
		}
		return p.member(&m.body, &m.value, name)
	})
	if err == nil {
		err = p.end()
	}
	return err
}

func (m *envelope) named(name string) *member {
	switch name {
	case "type":
		return &m.typ
	case "topic":
		return &m.topic
	case "endpoint":
		return &m.endpoint
	case "version":
		return &m.version
	case "code":
		return &m.code
	case "context":
		return &m.context
	}
	return nil
}

// stringMember parses the value of f. It skips the value if f was seen before, or if the
// value is no string.
func (p *parser) stringMember(f *member) (err *Error) {
	if f.seen || p.next() != '"' {
		f.seen = true
		return p.skip()
	}
	f.seen, f.valid = true, true
	f.text, err = p.str()
	return err
}

// message checks that m is a data message. Like Zeek, it checks the value before the
// topic (spec websocket 7.3).
func (p *parser) message(m *envelope) *Error {
	if err := p.finish(&m.body, &m.value); err != nil {
		return err.in(ContextBody)
	}
	if !m.topic.valid || m.topic.text == reservedTopic {
		return p.fail("topic missing, reserved or no string").in(ContextTopic)
	}
	return nil
}
