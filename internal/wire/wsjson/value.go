package wsjson

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// body collects the two members of a value, which may be in either order.
type body struct {
	kind   zval.Kind
	typed  bool // kind is known
	done   bool // the type came first, and the data was parsed
	dataAt int  // offset of the data; 0 before it has come
}

// value parses a value, which is an object, into v.
func (p *parser) value(v *zval.Value) *Error {
	var b body
	if err := p.object(func(name string) *Error { return p.member(&b, v, name) }); err != nil {
		return err
	}
	return p.finish(&b, v)
}

// member parses the value of the member called name. If the member is one of the two
// members of b, its value goes into b or v.
func (p *parser) member(b *body, v *zval.Value, name string) *Error {
	switch {
	case name == "@data-type" && !b.typed:
		name, err := p.str()
		if err != nil {
			return err
		}
		if b.kind, b.typed = zval.KindNamed(name); !b.typed {
			return p.fail("unknown data type")
		}
		return nil
	case name == "data" && b.dataAt == 0:
		b.dataAt = p.off
		if b.typed {
			b.done = true
			return p.data(b.kind, v)
		}
	}
	return p.skip()
}

// finish completes v at the end of its object.
func (p *parser) finish(b *body, v *zval.Value) *Error {
	switch {
	case b.done:
		return nil
	case !b.typed:
		return p.fail("no data type")
	case b.kind == zval.KindNone:
		*v = zval.None()
		return nil
	case b.dataAt == 0:
		return p.fail("no data")
	}
	end := p.off
	p.off = b.dataAt
	if err := p.data(b.kind, v); err != nil {
		return err
	}
	p.off = end
	return nil
}

// data parses the data of a value of this kind (spec websocket 8.1).
func (p *parser) data(kind zval.Kind, v *zval.Value) *Error {
	c := p.next()
	switch kind {
	case zval.KindNone:
		*v = zval.None()
		return p.skip()
	case zval.KindBool:
		i := p.word("false", "true")
		if i < 0 {
			return p.fail("neither true nor false")
		}
		*v = zval.Bool(i == 1)
		return nil
	case zval.KindCount, zval.KindInt:
		return p.integer(kind, v)
	case zval.KindReal:
		return p.real(v)
	case zval.KindSet, zval.KindVector:
		return p.list(kind, v)
	case zval.KindTable:
		return p.table(v)
	}
	if c != '"' {
		return p.fail("not a string")
	}
	start := p.off
	text, err := p.str()
	if err != nil {
		return err
	}
	var ok bool
	if *v, ok = fromText(kind, text); !ok {
		p.off = start
		return p.fail("malformed " + kind.String())
	}
	return nil
}

// integer parses a count or an integer.
func (p *parser) integer(kind zval.Kind, v *zval.Value) *Error {
	start := p.off
	text, integer, err := p.number()
	if err != nil {
		return err
	}
	if integer && kind == zval.KindInt {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			*v = zval.Int(n)
			return nil
		}
	} else if integer {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			*v = zval.Count(n)
			return nil
		} else if text == "-0" {
			*v = zval.Count(0)
			return nil
		}
	}
	p.off = start
	return p.fail("malformed " + kind.String())
}

// real parses a number, with or without a decimal point. It also parses null, which this
// package writes for NaN, and Zeek's words for NaN and infinities, which are not JSON.
func (p *parser) real(v *zval.Value) *Error {
	var f float64
	switch p.word("null", "nan", "-nan", "inf", "-inf") {
	case 0, 1, 2:
		f = math.NaN()
	case 3:
		f = math.Inf(1)
	case 4:
		f = math.Inf(-1)
	default:
		text, _, err := p.number()
		if err != nil {
			return err
		}
		f, _ = strconv.ParseFloat(text, 64) // a number out of range is an infinity
	}
	*v = zval.Real(f)
	return nil
}

// list parses a vector or a set. It drops equal elements of a set.
func (p *parser) list(kind zval.Kind, v *zval.Value) *Error {
	n := 0
	err := p.array(func() *Error {
		n++
		return p.elem(p.elems.push())
	})
	if err != nil {
		return err
	}
	elems := p.elems.pop(n)
	if kind == zval.KindSet {
		*v = zval.Set(elems...)
	} else {
		*v = zval.Vector(elems...)
	}
	return nil
}

// elem parses a value into v. v is nil if no place is left.
func (p *parser) elem(v *zval.Value) *Error {
	switch {
	case p.next() != '{':
		return p.fail("not a value")
	case v == nil:
		return p.fail("more values than allowed")
	}
	return p.value(v)
}

// table parses a table. The table keeps its order.
func (p *parser) table(v *zval.Value) *Error {
	start, n := p.off, 0
	err := p.array(func() *Error {
		n += 2
		return p.entry()
	})
	if err != nil {
		return err
	}
	var ok bool
	if *v, ok = zval.TableInOrder(p.elems.pop(n)); !ok {
		p.off = start
		return p.fail("table with a key twice")
	}
	return nil
}

// entry parses an entry of a table: an object with key and value, in either order.
func (p *parser) entry() *Error {
	key, val := p.elems.push(), p.elems.push()
	var hasKey, hasVal bool
	err := p.object(func(name string) *Error {
		switch {
		case name == "key" && !hasKey:
			hasKey = true
			return p.elem(key)
		case name == "value" && !hasVal:
			hasVal = true
			return p.elem(val)
		}
		return p.skip()
	})
	if err == nil && !(hasKey && hasVal) {
		err = p.fail("table entry without key or value")
	}
	return err
}

// fromText returns the value of a kind whose data is a JSON string.
func fromText(kind zval.Kind, text string) (v zval.Value, ok bool) {
	switch kind {
	case zval.KindString:
		return zval.String(text), true
	case zval.KindEnum:
		return zval.Enum(text), true
	case zval.KindAddr:
		addr, err := netip.ParseAddr(text)
		return zval.Addr(addr), err == nil && addr.Zone() == ""
	case zval.KindSubnet:
		return parseSubnet(text)
	case zval.KindPort:
		return parsePort(text)
	case zval.KindTime:
		nanos, ok := parseTime(text)
		return zval.Time(nanos), ok
	default:
		nanos, ok := parseSpan(text)
		return zval.Span(time.Duration(nanos)), ok
	}
}

// parseSubnet parses an address, a slash and a length. It clears host bits. It refuses a
// length that is too large. Zeek makes that "::/0", which is every address.
func parseSubnet(text string) (zval.Value, bool) {
	base, length, _ := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(base)
	if err != nil || addr.Zone() != "" || !isNumber(length) {
		return zval.None(), false
	}
	addr = addr.Unmap()
	bits, err := strconv.Atoi(length)
	if err != nil || bits > addr.BitLen() {
		return zval.None(), false
	}
	return zval.Subnet(netip.PrefixFrom(addr, bits)), true
}

// parsePort parses a number, and perhaps a slash and a protocol. Without a protocol it
// is TCP. Like Zeek, parsePort takes an unknown name of a protocol as the unknown
// protocol. It refuses a number beyond 16 bits. Zeek takes the lowest 16 bits, which is
// another port.
func parsePort(text string) (zval.Value, bool) {
	digits, name, given := strings.Cut(text, "/")
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || !isNumber(digits) {
		return zval.None(), false
	}
	proto := zval.ProtoTCP
	if given {
		proto = protoNamed(name)
	}
	return zval.Port(uint16(number), proto), true
}

func protoNamed(name string) zval.Proto {
	for proto := zval.ProtoTCP; proto.Valid(); proto++ {
		if proto.String() == name {
			return proto
		}
	}
	return zval.ProtoUnknown
}

func isNumber(s string) bool {
	digits, _ := cutDigits(s)
	return s != "" && digits == s
}
