package native

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// decoder decodes a payload that scan has checked.
type decoder struct {
	payload string
	off     int
	free    []zval.Value // room for the elements of all containers that still follow
	depth   int          // how much deeper containers may nest
	lowest  int          // the least depth so far
	known   known
	spared  int           // values in sets that are known
	found   []*decodedSet // long sets that are not known
}

// value decodes one value into v.
func (d *decoder) value(v *zval.Value) *Error {
	start := d.off
	kind := zval.Kind(d.payload[start])
	d.off++
	switch kind {
	case zval.KindNone:
		*v = zval.None()
	case zval.KindBool:
		b := d.payload[d.off]
		if b > 1 {
			return &Error{d.off, "boolean is neither 0 nor 1"}
		}
		d.off++
		*v = zval.Bool(b == 1)
	case zval.KindCount:
		*v = zval.Count(d.uint64())
	case zval.KindInt:
		*v = zval.Int(int64(d.uint64()))
	case zval.KindReal:
		*v = zval.RealBits(swapInf(d.uint64()))
	case zval.KindString:
		*v = zval.String(d.text())
	case zval.KindAddr:
		hi, lo := d.uint64(), d.uint64()
		*v = zval.Addr128(hi, lo)
	case zval.KindSubnet:
		return d.subnet(v)
	case zval.KindPort:
		return d.port(v)
	case zval.KindTime:
		*v = zval.Time(int64(d.uint64()))
	case zval.KindSpan:
		*v = zval.Span(time.Duration(d.uint64()))
	case zval.KindEnum:
		*v = zval.Enum(d.text())
	default:
		return d.container(v, kind, start)
	}
	return nil
}

// keptFrom is the number of bytes from which on a container that is decoded keeps its encoding.
// The encoding takes no memory: it is a part of the payload, as all strings are.
const keptFrom = 1024

func (d *decoder) container(v *zval.Value, kind zval.Kind, start int) *Error {
	if kind == zval.KindSet {
		if set := d.known.at(d.payload[start:]); set != nil {
			return d.again(v, set, start)
		}
	}
	n := d.varbyte() * stride(kind)
	room := len(d.free) - d.spared
	elems := d.free[:n:n] // with this capacity, appending to elems cannot change the rest
	d.free = d.free[n:]
	if d.depth == 0 {
		return &Error{start, "nested deeper than allowed"}
	}
	above, lowest := d.depth, d.lowest
	d.depth--
	d.lowest = d.depth
	for i := range elems {
		if err := d.value(&elems[i]); err != nil {
			return err
		}
	}
	d.depth++

	distinct := true
	switch kind {
	case zval.KindSet:
		*v, distinct = zval.SetInOrder(elems)
	case zval.KindTable:
		*v, distinct = zval.TableInOrder(elems)
	default:
		*v = zval.Vector(elems...)
	}
	if !distinct {
		return &Error{start, kind.String() + " holds a key twice"}
	}
	if d.off-start >= keptFrom {
		*v = v.WithEncoding(d.payload[start:d.off])
	}
	if kind == zval.KindSet && d.off-start >= rememberedFrom {
		d.found = append(d.found, &decodedSet{*v, room - (len(d.free) - d.spared) + 1, above - d.lowest})
	}
	d.lowest = min(d.lowest, lowest)
	return nil
}

// again takes a set that was decoded before.
func (d *decoder) again(v *zval.Value, set *decodedSet, start int) *Error {
	if d.depth < set.height {
		return &Error{start, "nested deeper than allowed"}
	}
	*v = set.value
	d.spared += set.values - 1
	d.off = start + len(set.value.Encoding())
	d.lowest = min(d.lowest, d.depth-set.height)
	return nil
}

func (d *decoder) subnet(v *zval.Value) *Error {
	start := d.off
	hi, lo, length := d.uint64(), d.uint64(), d.payload[d.off]
	d.off++
	subnet, ok := zval.Subnet128(hi, lo, length)
	if !ok {
		return &Error{start, "subnet has host bits or a length beyond 128"}
	}
	*v = subnet
	return nil
}

func (d *decoder) port(v *zval.Value) *Error {
	number := uint16(d.payload[d.off])<<8 | uint16(d.payload[d.off+1])
	proto := zval.Proto(d.payload[d.off+2])
	if !proto.Valid() {
		return &Error{d.off + 2, "port of an unknown protocol"}
	}
	d.off += 3
	*v = zval.Port(number, proto)
	return nil
}

func (d *decoder) text() string {
	n := d.varbyte()
	text := d.payload[d.off : d.off+n]
	d.off += n
	return text
}

// varbyte decodes a number that scan has checked.
func (d *decoder) varbyte() (n int) {
	for shift := 0; ; shift += 7 {
		b := d.payload[d.off]
		d.off++
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (d *decoder) uint64() uint64 {
	b := d.payload[d.off : d.off+8]
	d.off += 8
	return uint64(b[7]) | uint64(b[6])<<8 | uint64(b[5])<<16 | uint64(b[4])<<24 |
		uint64(b[3])<<32 | uint64(b[2])<<40 | uint64(b[1])<<48 | uint64(b[0])<<56
}
