package wsjson

import (
	"math"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// AppendValue appends the JSON text of v to dst and returns the extended slice. It
// allocates only if dst has too little room.
func AppendValue(dst []byte, v zval.Value) []byte {
	return appendObject(dst, &v)
}

// AppendMessage appends the data message with v on topic. If dst has no room at all, it makes room
// for all of the message.
func AppendMessage(dst []byte, topic string, v zval.Value) []byte {
	if cap(dst) == 0 {
		dst = make([]byte, 0, Room(topic, v))
	}
	dst = append(dst, `{"type":"data-message","topic":`...)
	dst = append(appendString(dst, topic), ',')
	return appendMembers(dst, &v)
}

// Room returns about how long the data message with v on topic is, so that the text of a long message
// is not copied a dozen times while it grows. It is a little more than that, unless many characters
// are escaped: it takes all numbers for long ones.
func Room(topic string, v zval.Value) int {
	return len(`{"type":"data-message","topic":"",}`) + len(topic) + roomFor(&v)
}

// roomFor is Room for a value.
func roomFor(v *zval.Value) int {
	const frame, number = len(`{},`), 24
	size := frame + len(heads[v.Kind()])
	switch v.Kind() {
	case zval.KindNone, zval.KindBool:
		return size + len(`false`)
	case zval.KindString, zval.KindEnum:
		return size + len(`""`) + len(v.Text())
	case zval.KindSet, zval.KindVector, zval.KindTable:
		size += len(`[]`)
		elems := v.Elems()
		if v.Kind() == zval.KindTable {
			size += len(elems) / 2 * len(`{"key":,"value":}`)
		}
		for i := range elems {
			size += roomFor(&elems[i])
		}
		return size
	}
	return size + number
}

// heads is the text before the data of each kind.
var heads = [...]string{
	zval.KindNone:   `"@data-type":"none","data":`,
	zval.KindBool:   `"@data-type":"boolean","data":`,
	zval.KindCount:  `"@data-type":"count","data":`,
	zval.KindInt:    `"@data-type":"integer","data":`,
	zval.KindReal:   `"@data-type":"real","data":`,
	zval.KindString: `"@data-type":"string","data":`,
	zval.KindAddr:   `"@data-type":"address","data":`,
	zval.KindSubnet: `"@data-type":"subnet","data":`,
	zval.KindPort:   `"@data-type":"port","data":`,
	zval.KindTime:   `"@data-type":"timestamp","data":`,
	zval.KindSpan:   `"@data-type":"timespan","data":`,
	zval.KindEnum:   `"@data-type":"enum-value","data":`,
	zval.KindSet:    `"@data-type":"set","data":`,
	zval.KindTable:  `"@data-type":"table","data":`,
	zval.KindVector: `"@data-type":"vector","data":`,
}

func appendObject(dst []byte, v *zval.Value) []byte {
	return appendMembers(append(dst, '{'), v)
}

// appendMembers appends the two members of v and the closing brace. It takes a pointer
// because a Value is 64 bytes.
func appendMembers(dst []byte, v *zval.Value) []byte {
	dst = append(dst, heads[v.Kind()]...)
	switch v.Kind() {
	case zval.KindNone:
		dst = append(dst, "{}"...)
	case zval.KindBool:
		b, _ := v.Bool()
		dst = strconv.AppendBool(dst, b)
	case zval.KindCount:
		dst = strconv.AppendUint(dst, v.Bits(), 10)
	case zval.KindInt:
		dst = strconv.AppendInt(dst, int64(v.Bits()), 10)
	case zval.KindReal:
		dst = appendReal(dst, v)
	case zval.KindString, zval.KindEnum:
		dst = appendString(dst, v.Text())
	case zval.KindSet, zval.KindVector:
		dst = appendList(dst, v.Elems())
	case zval.KindTable:
		dst = appendTable(dst, v.Elems())
	default:
		dst = append(dst, '"')
		dst = append(appendPlain(dst, v), '"')
	}
	return append(dst, '}')
}

// appendPlain appends the data of the kinds that are strings in JSON without escapes.
func appendPlain(dst []byte, v *zval.Value) []byte {
	switch v.Kind() {
	case zval.KindAddr:
		addr, _ := v.Addr()
		return addr.AppendTo(dst)
	case zval.KindSubnet:
		prefix, _ := v.Subnet()
		return prefix.AppendTo(dst)
	case zval.KindPort:
		number, proto, _ := v.Port()
		dst = strconv.AppendUint(dst, uint64(number), 10)
		return append(append(dst, '/'), proto.String()...)
	case zval.KindTime:
		return appendTime(dst, int64(v.Bits()))
	default:
		return appendSpan(dst, int64(v.Bits()))
	}
}

// appendReal appends a number with six decimals, as C's %f does: Zeek refuses a
// real that looks like an integer.
func appendReal(dst []byte, v *zval.Value) []byte {
	f, _ := v.Real()
	switch {
	case math.IsNaN(f):
		return append(dst, "null"...)
	case math.IsInf(f, 1):
		return append(dst, "1e400"...) // Zeek parses exponents up to 511
	case math.IsInf(f, -1):
		return append(dst, "-1e400"...)
	}
	return strconv.AppendFloat(dst, f, 'f', 6, 64)
}

func appendList(dst []byte, elems []zval.Value) []byte {
	dst = append(dst, '[')
	for i := range elems {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendObject(dst, &elems[i])
	}
	return append(dst, ']')
}

func appendTable(dst []byte, pairs []zval.Value) []byte {
	dst = append(dst, '[')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendObject(append(dst, `{"key":`...), &pairs[i])
		dst = appendObject(append(dst, `,"value":`...), &pairs[i+1])
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
