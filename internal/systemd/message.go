package systemd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The kinds of messages of D-Bus.
const (
	kindCall   = 1
	kindReply  = 2
	kindError  = 3
	kindSignal = 4
)

// The header fields that this client reads or writes.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSignature   = 8
)

// maxMessage bounds a message that is read, in bytes. systemd's answers are far smaller.
const maxMessage = 256 << 10

// message is a message that was read.
type message struct {
	kind      byte
	member    string
	errorName string
	replyTo   uint32
	signature string
	order     binary.ByteOrder
	body      []byte
}

func (m message) decoder() *decoder { return &decoder{buf: m.body, order: m.order} }

// encoder writes values in D-Bus's little-endian form. Alignment counts from the beginning of
// buf, which must be aligned to 8 in the message.
type encoder struct{ buf []byte }

func (e *encoder) align(n int) {
	for len(e.buf)%n != 0 {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) uint32(v uint32) {
	e.align(4)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

func (e *encoder) uint64(v uint64) {
	e.align(8)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

func (e *encoder) bool(v bool) {
	if v {
		e.uint32(1)
	} else {
		e.uint32(0)
	}
}

func (e *encoder) text(s string) {
	e.uint32(uint32(len(s)))
	e.buf = append(append(e.buf, s...), 0)
}

func (e *encoder) signature(s string) {
	e.buf = append(append(append(e.buf, byte(len(s))), s...), 0)
}

// length writes an array: its length in bytes, and its elements, which are aligned to n.
func (e *encoder) length(n int, elements func()) {
	e.uint32(0)
	at := len(e.buf)
	e.align(n) // the padding does not count
	begin := len(e.buf)
	elements()
	binary.LittleEndian.PutUint32(e.buf[at-4:], uint32(len(e.buf)-begin))
}

// property is a property of a unit. Its value is a string, a uint64, a []uint32 or a []string.
type property struct {
	name  string
	value any
}

// properties writes an array of properties, a(sv).
func (e *encoder) properties(list []property) {
	e.length(8, func() {
		for _, p := range list {
			e.align(8)
			e.text(p.name)
			e.variant(p.value)
		}
	})
}

func (e *encoder) variant(value any) {
	switch v := value.(type) {
	case string:
		e.signature("s")
		e.text(v)
	case uint64:
		e.signature("t")
		e.uint64(v)
	case []uint32:
		e.signature("au")
		e.length(4, func() {
			for _, n := range v {
				e.uint32(n)
			}
		})
	case []string:
		e.signature("as")
		e.length(4, func() {
			for _, s := range v {
				e.text(s)
			}
		})
	default:
		panic(fmt.Sprintf("systemd: no form for a %T", value))
	}
}

// methodCall returns the bytes of a call.
func methodCall(serial uint32, to, path, iface, member, signature string, body []byte) []byte {
	e := encoder{buf: []byte{'l', kindCall, 0, 1}}
	e.uint32(uint32(len(body)))
	e.uint32(serial)
	e.length(8, func() {
		field := func(code byte, kind, value string) {
			e.align(8)
			e.buf = append(e.buf, code)
			e.signature(kind)
			if kind == "g" {
				e.signature(value)
			} else {
				e.text(value)
			}
		}
		field(fieldPath, "o", path)
		field(fieldInterface, "s", iface)
		field(fieldMember, "s", member)
		field(fieldDestination, "s", to)
		if signature != "" {
			field(fieldSignature, "g", signature)
		}
	})
	e.align(8)
	return append(e.buf, body...)
}

// decoder reads values. Alignment counts as in encoder.
type decoder struct {
	buf   []byte
	at    int
	order binary.ByteOrder
}

var errShort = errors.New("a message of the bus ends early")

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.buf)-d.at {
		return nil, errShort
	}
	d.at += n
	return d.buf[d.at-n : d.at], nil
}

func (d *decoder) align(n int) error {
	_, err := d.take((n - d.at%n) % n)
	return err
}

func (d *decoder) uint32() (uint32, error) {
	if err := d.align(4); err != nil {
		return 0, err
	}
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return d.order.Uint32(b), nil
}

func (d *decoder) text() (string, error) {
	n, err := d.uint32()
	if err != nil || n > maxMessage {
		return "", errShort
	}
	return d.terminated(int(n))
}

func (d *decoder) signature() (string, error) {
	n, err := d.take(1)
	if err != nil {
		return "", err
	}
	return d.terminated(int(n[0]))
}

func (d *decoder) terminated(n int) (string, error) {
	b, err := d.take(n + 1)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// readMessage reads one message.
func readMessage(r io.Reader) (message, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	m := message{kind: head[1]}
	switch head[0] {
	case 'l':
		m.order = binary.LittleEndian
	case 'B':
		m.order = binary.BigEndian
	default:
		return message{}, fmt.Errorf("a message of the bus begins with %q", head[0])
	}
	body, fields := m.order.Uint32(head[4:]), m.order.Uint32(head[12:])
	if body > maxMessage || fields > maxMessage {
		return message{}, fmt.Errorf("a message of the bus has more than %d bytes", maxMessage)
	}
	padded := (fields + 7) &^ 7 // the body is aligned to 8, as the fields are
	rest := make([]byte, padded+body)
	if _, err := io.ReadFull(r, rest); err != nil {
		return message{}, err
	}
	m.body = rest[padded:]
	return m, m.readFields(rest[:fields])
}

func (m *message) readFields(buf []byte) error {
	d := decoder{buf: buf, order: m.order}
	for d.at < len(d.buf) {
		if err := d.align(8); err != nil {
			return err
		}
		code, err := d.take(1)
		if err != nil {
			return err
		}
		kind, err := d.signature()
		if err != nil {
			return err
		}
		if err := m.readField(&d, code[0], kind); err != nil {
			return err
		}
	}
	return nil
}

func (m *message) readField(d *decoder, code byte, kind string) (err error) {
	var text string
	switch kind {
	case "s", "o":
		text, err = d.text()
	case "g":
		text, err = d.signature()
	case "u":
		var n uint32
		if n, err = d.uint32(); code == fieldReplySerial {
			m.replyTo = n
		}
	default:
		return fmt.Errorf("a message of the bus has a field of type %.20q", kind)
	}
	switch code {
	case fieldMember:
		m.member = text
	case fieldErrorName:
		m.errorName = text
	case fieldSignature:
		m.signature = text
	}
	return err
}
