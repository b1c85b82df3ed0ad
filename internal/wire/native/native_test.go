package native_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// unhex decodes hexadecimal digits, between which there may be spaces.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	buf, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return buf
}

func record(elems ...zval.Value) zval.Value { return zval.Vector(elems...) }

// specValues are values with their bytes, in hex.
var specValues = map[string]struct {
	v   zval.Value
	hex string
}{
	"none":                 {zval.None(), "00"},
	"true":                 {zval.Bool(true), "01 01"},
	"false":                {zval.Bool(false), "01 00"},
	"count":                {zval.Count(42), "02 00 00 00 00 00 00 00 2a"},
	"largest count":        {zval.Count(math.MaxUint64), "02 ff ff ff ff ff ff ff ff"},
	"integer":              {zval.Int(42), "03 00 00 00 00 00 00 00 2a"},
	"negative integer":     {zval.Int(-1), "03 ff ff ff ff ff ff ff ff"},
	"real":                 {zval.Real(1.5), "04 3f f8 00 00 00 00 00 00"},
	"negative zero":        {zval.Real(math.Copysign(0, -1)), "04 80 00 00 00 00 00 00 00"},
	"infinity":             {zval.Real(math.Inf(1)), "04 ff f0 00 00 00 00 00 00"},
	"negative infinity":    {zval.Real(math.Inf(-1)), "04 7f f0 00 00 00 00 00 00"},
	"NaN":                  {zval.Real(math.NaN()), "04 ff ff ff ff ff ff ff ff"},
	"another NaN":          {zval.RealBits(0x7ff8000000000001), "04 7f f8 00 00 00 00 00 01"},
	"subnormal":            {zval.RealBits(1), "04 00 00 00 00 00 00 00 01"},
	"empty string":         {zval.String(""), "05 00"},
	"string":               {zval.String("foo"), "05 03 66 6f 6f"},
	"IPv4 address":         {zval.Addr(netip.MustParseAddr("192.168.9.8")), "06 00000000000000000000ffff c0a80908"},
	"IPv6 address":         {zval.Addr(netip.MustParseAddr("2001:db8::1")), "06 20010db8000000000000000000000001"},
	"IPv4 subnet":          {zval.Subnet(netip.MustParsePrefix("10.0.0.0/8")), "07 00000000000000000000ffff 0a000000 68"},
	"IPv6 subnet":          {zval.Subnet(netip.MustParsePrefix("2001:db8::/32")), "07 20010db8000000000000000000000000 20"},
	"tcp":                  {zval.Port(80, zval.ProtoTCP), "08 00 50 01"},
	"udp":                  {zval.Port(53, zval.ProtoUDP), "08 00 35 02"},
	"icmp":                 {zval.Port(8, zval.ProtoICMP), "08 00 08 03"},
	"unknown protocol":     {zval.Port(0, zval.ProtoUnknown), "08 00 00 00"},
	"timestamp":            {zval.Time(1700000000250000000), "09 17 97 9c fe 45 10 b2 80"},
	"timestamp before 0":   {zval.Time(-1500000000), "09 ff ff ff ff a6 97 d1 00"},
	"timespan":             {zval.Span(1500 * time.Millisecond), "0a 00 00 00 00 59 68 2f 00"},
	"negative timespan":    {zval.Span(-time.Second), "0a ff ff ff ff c4 65 36 00"},
	"enum":                 {zval.Enum("Notice::ACTION_LOG"), "0b 12 4e6f746963653a3a414354494f4e5f4c4f47"},
	"set":                  {zval.Set(zval.Count(1), zval.Count(2)), "0c 02 02 0000000000000001 02 0000000000000002"},
	"empty set":            {zval.Set(), "0c 00"},
	"table":                {zval.Table(zval.Entry{Key: zval.String("a"), Val: zval.Count(1)}, zval.Entry{Key: zval.String("b"), Val: zval.Count(2)}), "0d 02 05 01 61 02 0000000000000001 05 01 62 02 0000000000000002"},
	"vector":               {zval.Vector(zval.Bool(true), zval.Count(2), zval.String("x")), "0e 03 01 01 02 0000000000000002 05 01 78"},
	"empty vector":         {zval.Vector(), "0e 00"},
	"record":               {record(zval.String("conn"), zval.None(), zval.Count(7)), "0e 03 05 04 63 6f 6e 6e 00 02 0000000000000007"},
	"127 bytes":            {zval.String(strings.Repeat("x", 127)), "05 7f" + strings.Repeat("78", 127)},
	"128 bytes":            {zval.String(strings.Repeat("x", 128)), "05 80 01" + strings.Repeat("78", 128)},
	"300 bytes":            {zval.String(strings.Repeat("x", 300)), "05 ac 02" + strings.Repeat("78", 300)},
	"16383 bytes":          {zval.String(strings.Repeat("x", 16383)), "05 ff 7f" + strings.Repeat("78", 16383)},
	"16384 bytes":          {zval.String(strings.Repeat("x", 16384)), "05 80 80 01" + strings.Repeat("78", 16384)},
	"128 elements":         {zval.Vector(make([]zval.Value, 128)...), "0e 80 01" + strings.Repeat("00", 128)},
	"event of spec 7.2":    {record(zval.Count(1), zval.Count(1), record(zval.String("ping"), record(zval.String("hello"), zval.Count(42)))), "0e03 020000000000000001 020000000000000001 0e02 050470696e67 0e02 050568656c6c6f 02000000000000002a"},
	"containers in others": {zval.Set(zval.Set(zval.Vector())), "0c 01 0c 01 0e 00"},
}

// The examples of spec broker-wire 5.1, 5.2, 1.3 and 7.2, and lengths on both
// sides of where they take another byte.
func TestValuesHaveTheBytesOfTheSpec(t *testing.T) {
	for name, tt := range specValues {
		t.Run(name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			if got := native.Encode(tt.v); !bytes.Equal(got, want) {
				t.Errorf("Encode: got %x, want %x", got, want)
			}
			if got := native.Append([]byte("before"), tt.v); !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("Append: got %x", got)
			}
			if got := native.Size(tt.v); got != len(want) {
				t.Errorf("Size: got %d, want %d", got, len(want))
			}
			got, err := native.Decode(want, native.Limits{})
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if !zval.Equal(got, tt.v) || got.Bits() != tt.v.Bits() {
				t.Errorf("Decode: got another value, a %v", got.Kind())
			}
		})
	}
}

func TestWhatCouldNotBeWrittenBackIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		hex  string
		want native.Error
	}{
		"nothing":                      {"", native.Error{0, "truncated"}},
		"unknown tag":                  {"0f", native.Error{0, "unknown tag"}},
		"unknown tag inside":           {"0e 02 00 ff", native.Error{3, "unknown tag"}},
		"a byte too many":              {"00 00", native.Error{1, "bytes left over after the value"}},
		"bytes after a vector":         {"0e 01 00 01 01", native.Error{3, "bytes left over after the value"}},
		"boolean without a body":       {"01", native.Error{0, "truncated"}},
		"boolean beyond 1":             {"0e 01 01 02", native.Error{3, "boolean is neither 0 nor 1"}},
		"count of seven bytes":         {"02 00 00 00 00 00 00 00", native.Error{0, "truncated"}},
		"string without a length":      {"05", native.Error{1, "truncated"}},
		"string without an end":        {"05 03 61 62", native.Error{1, "length beyond the end"}},
		"length without an end":        {"05 80", native.Error{1, "truncated"}},
		"length 0 in two bytes":        {"05 80 00", native.Error{1, "length in more bytes than it takes"}},
		"length 1 in two bytes":        {"05 81 00 61", native.Error{1, "length in more bytes than it takes"}},
		"length of five bytes":         {"05 ff ff ff ff 0f", native.Error{1, "length beyond the end"}},
		"length beyond 32 bits":        {"05 ff ff ff ff 7f", native.Error{1, "length beyond the end"}},
		"length of six bytes":          {"05 80 80 80 80 80 01", native.Error{1, "length in more than five bytes"}},
		"address cut short":            {"06 00", native.Error{0, "truncated"}},
		"subnet longer than 128":       {"07 00000000000000000000000000000000 81", native.Error{1, "subnet has host bits or a length beyond 128"}},
		"subnet with host bits":        {"07 20010db8000000000000000000000001 20", native.Error{1, "subnet has host bits or a length beyond 128"}},
		"subnet shorter than its IPv4": {"07 00000000000000000000ffff 0a000000 08", native.Error{1, "subnet has host bits or a length beyond 128"}},
		"port of protocol 4":           {"08 00 50 04", native.Error{3, "port of an unknown protocol"}},
		"vector of nothing but hope":   {"0e ff ff ff ff 0f", native.Error{1, "length beyond the end"}},
		"vector of one too many":       {"0e 02 00", native.Error{1, "length beyond the end"}},
		"table of half an entry":       {"0d 01 00", native.Error{0, "truncated"}},
		"vectors that share elements":  {"0e 02 0e 02 00 00", native.Error{2, "truncated"}},
		"a set element twice":          {"0c 02 00 00", native.Error{0, "set holds a key twice"}},
		"a set element twice, apart":   {"0e 01 0c 03 01 01 01 00 01 01", native.Error{2, "set holds a key twice"}},
		"both zeros in a set":          {"0c 02 04 0000000000000000 04 8000000000000000", native.Error{0, "set holds a key twice"}},
		"a table key twice":            {"0d 02 00 01 00 00 01 01", native.Error{0, "table holds a key twice"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := native.Decode(unhex(t, tt.hex), native.Limits{})
			got, ok := errors.AsType[*native.Error](err)
			if !ok || *got != tt.want || !v.IsNone() {
				t.Errorf("got a %v, %v, want %v", v.Kind(), err, &tt.want)
			}
		})
	}
}

func TestEveryPrefixOfAValueIsTruncated(t *testing.T) {
	buf := native.Encode(recordEvent())
	for n := range buf {
		if _, err := native.Decode(buf[:n], native.Limits{}); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(buf))
		}
	}
}

func TestSetsAndTablesKeepTheOrderOfTheirSender(t *testing.T) {
	for name, digits := range map[string]string{
		"set":             "0c 03 01 01 00 01 00",
		"table":           "0d 02 01 01 00 01 00 00",
		"set within sets": "0c 02 0c 02 01 01 01 00 0c 02 01 00 00",
	} {
		t.Run(name, func(t *testing.T) {
			buf := unhex(t, digits)
			v, err := native.Decode(buf, native.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := native.Encode(v); !bytes.Equal(got, buf) {
				t.Errorf("got %x, want %x", got, buf)
			}
		})
	}
}

// nested returns the encoding of n vectors in one another.
func nested(n int) []byte {
	return append(bytes.Repeat([]byte{0x0e, 1}, n-1), 0x0e, 0)
}

// flat returns the encoding of a vector that is n values, itself included.
func flat(n int) []byte {
	return native.Encode(zval.Vector(make([]zval.Value, n-1)...))
}

func TestLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		lim    native.Limits
		fits   []byte
		beyond []byte
		reason string
	}{
		"depth":             {native.Limits{Depth: 3}, nested(3), nested(4), "nested deeper than allowed"},
		"depth by default":  {native.Limits{}, nested(100), nested(101), "nested deeper than allowed"},
		"no depth at all":   {native.Limits{Depth: -1}, nested(100), nested(101), "nested deeper than allowed"},
		"values":            {native.Limits{Elements: 5}, flat(5), flat(6), "more values than allowed"},
		"one value":         {native.Limits{Elements: 1}, flat(1), flat(2), "more values than allowed"},
		"values by default": {native.Limits{}, flat(1 << 20), flat(1<<20 + 1), "more values than allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := native.Decode(tt.fits, tt.lim); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			_, err := native.Decode(tt.beyond, tt.lim)
			if got, ok := errors.AsType[*native.Error](err); !ok || got.Reason != tt.reason {
				t.Errorf("beyond the limit: got %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestErrorsNameTheByteAndTheReason(t *testing.T) {
	_, err := native.Decode([]byte{0x0e, 1, 0x0f}, native.Limits{})
	if want := "decode value at byte 2: unknown tag"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestADecodedValueIsItsOwn(t *testing.T) {
	buf := native.Encode(smallEvent())
	v, err := native.Decode(buf, native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(buf)
	elems, _ := v.Vector()
	_ = append(elems[:2:2], zval.None())
	inner, _ := elems[2].Vector()
	_ = append(inner, zval.None()) // must not reach the elements of another container
	if !zval.Equal(v, smallEvent()) {
		t.Error("the value changed with the buffer that it was decoded from")
	}
}

func TestAllocations(t *testing.T) {
	for name, event := range events {
		v := event()
		buf := native.Encode(v)
		payload := string(buf)
		for what, tt := range map[string]struct {
			want float64
			do   func()
		}{
			"Encode":                        {1, func() { native.Encode(v) }},
			"Append to a slice with room":   {0, func() { native.Append(buf[:0], v) }},
			"Decode":                        {2, func() { native.Decode(buf, native.Limits{}) }},
			"DecodeString":                  {1, func() { native.DecodeString(payload, native.Limits{}) }},
			"DecodeString of what is wrong": {1, func() { native.DecodeString(payload[1:], native.Limits{}) }},
		} {
			if got := testing.AllocsPerRun(100, tt.do); got > tt.want {
				t.Errorf("%s, event %q: %v allocations, want at most %v", what, name, got, tt.want)
			}
		}
	}
}

// A hostile length must not make the decoder allocate: 4 GB of elements are
// announced in six bytes.
func TestAllocationsAreNotSizedByThePeer(t *testing.T) {
	hostile := []byte{0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f}
	if got := testing.AllocsPerRun(100, func() { native.Decode(hostile, native.Limits{}) }); got > 2 {
		t.Errorf("%v allocations, want at most a copy of six bytes and the error", got)
	}
}

// recorded returns the payloads of testdata/vectors/values.json by name.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("../../../testdata/vectors/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name    string
			Payload string `json:"payload_hex"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	payloads := map[string][]byte{}
	for _, v := range file.Vectors {
		payloads[v.Name] = unhex(t, v.Payload)
	}
	if len(payloads) != 74 {
		t.Fatalf("%d vectors, want 74", len(payloads))
	}
	return payloads
}

func TestWhatZeekSentComesBackAsTheSameBytes(t *testing.T) {
	for name, payload := range recorded(t) {
		v, err := native.Decode(payload, native.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := native.Encode(v); !bytes.Equal(got, payload) {
			t.Errorf("%s:\ngot  %x\nwant %x", name, got, payload)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, payload := range recorded(f) {
		f.Add(payload)
	}
	for _, digits := range []string{
		"0c 03 01 01 00 01 00", "0d 02 01 01 00 01 00 00", "0c 02 0c 02 01 01 01 00 0c 02 01 00 00",
		"04 00 00 00 00 00 00 00 01", "04 7f f8 00 00 00 00 00 01", "05 81 00 61", "0e ff ff ff ff 0f",
		"07 00000000000000000000ffff 0a000000 08", "08 00 50 04", "0e 02 0e 02 00 00",
	} {
		f.Add(unhex(f, digits))
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		v, err := native.Decode(buf, native.Limits{})
		if err != nil {
			if e, ok := errors.AsType[*native.Error](err); !ok || e.Offset < 0 || e.Offset > len(buf) {
				t.Fatalf("error %v about %d bytes", err, len(buf))
			}
			return
		}
		if got := native.Append(nil, v); !bytes.Equal(got, buf) {
			t.Fatalf("decoded from %x\nencoded to   %x", buf, got)
		}
		if native.Size(v) != len(buf) || !zval.Equal(v, v) {
			t.Fatal("a value has another size or differs from itself")
		}
	})
}

func TestAContainerKeepsItsEncoding(t *testing.T) {
	long := zval.Vector(zval.String(strings.Repeat("x", 2000)), zval.Count(1))
	plain := native.Encode(zval.Vector(zval.Count(7), long))
	if got := native.Encode(zval.Vector(zval.Count(7), native.Encoded(long))); !bytes.Equal(got, plain) {
		t.Error("a message that contains an encoded value differs")
	}
	v, err := native.Decode(plain, native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	inner := v.Elems()[1]
	if inner.Encoding() != string(native.Encode(long)) || inner.Text() != "" || !zval.Equal(inner, long) {
		t.Error("a long vector that is decoded is another one, or has another encoding")
	}
	if short := zval.Vector(zval.Count(1)); short.Encoding() != "" {
		t.Error("a vector that nobody has encoded has an encoding")
	}
}
