package wsjson

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"zeekfleet/internal/zval"
)

// A body gathers the two members of a value, which may come in either order.
type body struct {
	kind   zval.Kind
	typed  bool // kind is known
	dataAt int  // where the data is, 0 if it has not come yet
	known  bool // v is the value: the type came first
	v      zval.Value
}

// value reads the object that a value is.
func (p *parser) value() (zval.Value, *Error) {
	var b body
	if err := p.object(func(name string) *Error { return p.member(&b, name) }); err != nil {
		return zval.None(), err
	}
	return p.finish(&b)
}

// member reads what follows the name of a member, for b if it is for b.
func (p *parser) member(b *body, name string) (err *Error) {
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
	case name == "data" && b.dataAt == 0 && b.typed:
		b.dataAt, b.known = p.off, true
		b.v, err = p.data(b.kind)
		return err
	case name == "data" && b.dataAt == 0:
		b.dataAt = p.off
	}
	return p.skip()
}

// finish returns the value of an object that has ended.
func (p *parser) finish(b *body) (v zval.Value, err *Error) {
	switch {
	case b.known:
		return b.v, nil
	case !b.typed:
		return zval.None(), p.fail("no data type")
	case b.kind == zval.KindNone:
		return zval.None(), nil
	case b.dataAt == 0:
		return zval.None(), p.fail("no data")
	}
	end := p.off
	p.off = b.dataAt
	v, err = p.data(b.kind)
	if err == nil {
		p.off = end
	}
	return v, err
}

// data reads the data of a value of this kind (spec websocket 8.1).
func (p *parser) data(kind zval.Kind) (zval.Value, *Error) {
	switch kind {
	case zval.KindNone:
		return zval.None(), p.skip()
	case zval.KindBool, zval.KindCount, zval.KindInt, zval.KindReal:
		return p.literal(kind)
	case zval.KindSet, zval.KindVector:
		return p.list(kind)
	case zval.KindTable:
		return p.table()
	}
	start := p.off
	text, err := p.str()
	if err != nil {
		return zval.None(), err
	}
	v, ok := fromText(kind, text)
	if !ok {
		p.off = start
		return v, p.fail("malformed " + kind.String())
	}
	return v, nil
}

// literal reads what is a word or a number in JSON.
func (p *parser) literal(kind zval.Kind) (zval.Value, *Error) {
	p.next()
	switch kind {
	case zval.KindBool:
		if i := p.word("false", "true"); i >= 0 {
			return zval.Bool(i == 1), nil
		}
		return zval.None(), p.fail("neither true nor false")
	case zval.KindReal:
		return p.real()
	}
	start := p.off
	text, integer, err := p.number()
	if err != nil {
		return zval.None(), err
	}
	if kind == zval.KindCount {
		if text == "-0" {
			text = "0"
		}
		if n, err := strconv.ParseUint(text, 10, 64); integer && err == nil {
			return zval.Count(n), nil
		}
	} else if n, err := strconv.ParseInt(text, 10, 64); integer && err == nil {
		return zval.Int(n), nil
	}
	p.off = start
	return zval.None(), p.fail("not a number of this type")
}

// real reads a number, with or without a decimal point; null, which is how NaN
// is written here; and Zeek's words, which are no JSON.
func (p *parser) real() (zval.Value, *Error) {
	switch p.word("null", "nan", "-nan", "inf", "-inf") {
	case 0, 1, 2:
		return zval.Real(math.NaN()), nil
	case 3:
		return zval.Real(math.Inf(1)), nil
	case 4:
		return zval.Real(math.Inf(-1)), nil
	}
	text, _, err := p.number()
	if err != nil {
		return zval.None(), err
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range, it is an infinity
	return zval.Real(f), nil
}

// list reads a vector, or a set, of which equal elements collapse.
func (p *parser) list(kind zval.Kind) (zval.Value, *Error) {
	n := 0
	err := p.array(func() *Error {
		n++
		return p.elem()
	})
	if err != nil {
		return zval.None(), err
	}
	elems := p.elems.pop(n)
	if kind == zval.KindSet {
		return zval.Set(elems...), nil
	}
	return zval.Vector(elems...), nil
}

// elem reads an element of the container that opened last.
func (p *parser) elem() *Error {
	v, err := p.value()
	if err == nil && !p.elems.push(v) {
		err = p.fail("more values than allowed")
	}
	return err
}

// table reads a table, which keeps its order.
func (p *parser) table() (zval.Value, *Error) {
	start, n := p.off, 0
	err := p.array(func() *Error {
		n += 2
		return p.entry()
	})
	if err != nil {
		return zval.None(), err
	}
	v, ok := zval.TableInOrder(p.elems.pop(n))
	if !ok {
		p.off = start
		return v, p.fail("table with a key twice")
	}
	return v, nil
}

// entry reads a table's entry: an object of a key and a value, in either order.
func (p *parser) entry() *Error {
	var key, val zval.Value
	var hasKey, hasVal bool
	err := p.object(func(name string) (err *Error) {
		switch {
		case name == "key" && !hasKey:
			hasKey = true
			key, err = p.value()
		case name == "value" && !hasVal:
			hasVal = true
			val, err = p.value()
		default:
			err = p.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !hasKey || !hasVal:
		return p.fail("table entry without key or value")
	case !p.elems.push(key) || !p.elems.push(val):
		return p.fail("more values than allowed")
	}
	return nil
}

// fromText returns the value of a kind whose data is a string in JSON.
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

// parseSubnet reads an address, a slash and a length. Host bits are cleared,
// and a length that is too large makes it "::/0", as it does for Zeek.
func parseSubnet(text string) (zval.Value, bool) {
	base, length, _ := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(base)
	if err != nil || addr.Zone() != "" || !isNumber(length) {
		return zval.None(), false
	}
	addr = addr.Unmap()
	bits, err := strconv.Atoi(length)
	if err != nil || bits > addr.BitLen() {
		return zval.Subnet(netip.Prefix{}), true
	}
	return zval.Subnet(netip.PrefixFrom(addr, bits)), true
}

// parsePort reads a number, and a slash and a protocol, which is TCP if there
// is none. Of a number beyond 16 bits the lowest 16 count, and a protocol of
// another name is the unknown one, as for Zeek.
func parsePort(text string) (zval.Value, bool) {
	digits, name, given := strings.Cut(text, "/")
	number, err := strconv.ParseUint(digits, 10, 64)
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
