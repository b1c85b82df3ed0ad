package wsjson

import "github.com/zeekfleet/zeekfleet/internal/zval"

// AppendMessageParts appends the text of a data message to parts, in several parts. All
// parts together are the text of AppendMessage.
//
// shared is called with the elements of each vector and each set in v, at any depth, but
// not within tables. It may return the text of the elements in brackets, as AppendElems
// makes it. That text becomes one part, without a copy. It may return nil instead.
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
	text   []byte // the text after parts
	shared func([]zval.Value) []byte
}

// members is appendMembers, in several parts.
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
