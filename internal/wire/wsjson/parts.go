package wsjson

import "github.com/zeekfleet/zeekfleet/internal/zval"

// AppendMessageParts appends to parts the text of a data message, as AppendMessage
// makes it, in pieces. shared is asked about the elements of each vector and set
// that a value of the message has at any depth but within a table: what it
// returns, unless it is nil, is the text of those elements in brackets, and
// becomes a piece as it is.
func AppendMessageParts(parts [][]byte, topic string, v zval.Value, shared func(elems []zval.Value) []byte) [][]byte {
	s := splitter{parts: parts, shared: shared}
	s.text = append(s.text, `{"type":"data-message","topic":`...)
	s.text = append(appendString(s.text, topic), ',')
	s.members(&v)
	return append(s.parts, s.text)
}

// AppendElems appends the text of elements in brackets.
func AppendElems(dst []byte, elems []zval.Value) []byte { return appendList(dst, elems) }

type splitter struct {
	parts  [][]byte
	text   []byte // what comes after them
	shared func([]zval.Value) []byte
}

// members is appendMembers, in pieces.
func (s *splitter) members(v *zval.Value) {
	if v.Kind() != zval.KindSet && v.Kind() != zval.KindVector {
		s.text = appendMembers(s.text, v)
		return
	}
	s.text = append(s.text, heads[v.Kind()]...)
	elems := v.Elems()
	if ready := s.shared(elems); ready != nil {
		s.parts = append(s.parts, s.text, ready)
		s.text = append([]byte(nil), '}')
		return
	}
	s.text = append(s.text, '[')
	for i := range elems {
		if i > 0 {
			s.text = append(s.text, ',')
		}
		s.text = append(s.text, '{')
		s.members(&elems[i])
	}
	s.text = append(s.text, "]}"...)
}
