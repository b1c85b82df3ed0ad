package wsjson_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func subnet(s string) zval.Value { return zval.Subnet(netip.MustParsePrefix(s)) }
func addr(s string) zval.Value   { return zval.Addr(netip.MustParseAddr(s)) }

// at returns the timestamp of a time in RFC 3339.
func at(t testing.TB, s string) zval.Value {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return zval.Time(when.UnixNano())
}

func TestValuesAreWrittenAsZeekDoes(t *testing.T) {
	one := zval.Count(1)
	for name, tt := range map[string]struct {
		v    zval.Value
		want string
	}{
		"none":                    {zval.None(), `{"@data-type":"none","data":{}}`},
		"boolean":                 {zval.Bool(true), `{"@data-type":"boolean","data":true}`},
		"largest count":           {zval.Count(math.MaxUint64), `{"@data-type":"count","data":18446744073709551615}`},
		"smallest integer":        {zval.Int(math.MinInt64), `{"@data-type":"integer","data":-9223372036854775808}`},
		"whole real":              {zval.Real(3), `{"@data-type":"real","data":3.000000}`},
		"real that loses":         {zval.Real(1e-9), `{"@data-type":"real","data":0.000000}`},
		"negative zero":           {zval.Real(math.Copysign(0, -1)), `{"@data-type":"real","data":-0.000000}`},
		"large real":              {zval.Real(1e21), `{"@data-type":"real","data":1000000000000000000000.000000}`},
		"NaN":                     {zval.Real(math.NaN()), `{"@data-type":"real","data":null}`},
		"infinity":                {zval.Real(math.Inf(1)), `{"@data-type":"real","data":1e400}`},
		"negative infinity":       {zval.Real(math.Inf(-1)), `{"@data-type":"real","data":-1e400}`},
		"escapes":                 {zval.String("\\ \" \b\f\n\r\t"), `{"@data-type":"string","data":"\\ \" \b\f\n\r\t"}`},
		"other control bytes":     {zval.String("\x00\v\x1f"), `{"@data-type":"string","data":"\u0000\u000b\u001f"}`},
		"what needs no escape":    {zval.String("/<>&'\x7f\u2028ü🐙"), "{\"@data-type\":\"string\",\"data\":\"/<>&'\x7f\u2028ü🐙\"}"},
		"bytes that are not text": {zval.String("a\xff\xfeb\xc3"), "{\"@data-type\":\"string\",\"data\":\"a\ufffd\ufffdb\ufffd\"}"},
		"U+FFFD itself":           {zval.String("\ufffd"), "{\"@data-type\":\"string\",\"data\":\"\ufffd\"}"},
		"enum":                    {zval.Enum("A::B"), `{"@data-type":"enum-value","data":"A::B"}`},
		"IPv4 address":            {addr("10.0.0.1"), `{"@data-type":"address","data":"10.0.0.1"}`},
		"IPv6 address":            {addr("2001:db8:0:0:1::"), `{"@data-type":"address","data":"2001:db8:0:0:1::"}`},
		"IPv4 subnet":             {subnet("10.0.0.0/8"), `{"@data-type":"subnet","data":"10.0.0.0/8"}`},
		"all of IPv4":             {subnet("0.0.0.0/0"), `{"@data-type":"subnet","data":"0.0.0.0/0"}`},
		"IPv6 subnet":             {subnet("::/0"), `{"@data-type":"subnet","data":"::/0"}`},
		"port":                    {zval.Port(53, zval.ProtoUDP), `{"@data-type":"port","data":"53/udp"}`},
		"port of no protocol":     {zval.Port(0, zval.ProtoUnknown), `{"@data-type":"port","data":"0/?"}`},
		"time":                    {at(t, "2024-06-01T10:00:00.123999999Z"), `{"@data-type":"timestamp","data":"2024-06-01T10:00:00.123"}`},
		"time before 1970":        {zval.Time(-1_500_000_000), `{"@data-type":"timestamp","data":"1969-12-31T23:59:59.000"}`},
		"earliest time":           {zval.Time(math.MinInt64), `{"@data-type":"timestamp","data":"1677-09-21T00:12:44.000"}`},
		"latest time":             {zval.Time(math.MaxInt64), `{"@data-type":"timestamp","data":"2262-04-11T23:47:16.854"}`},
		"no time at all":          {zval.Span(0), `{"@data-type":"timespan","data":"0s"}`},
		"hours":                   {zval.Span(time.Hour), `{"@data-type":"timespan","data":"3600s"}`},
		"milliseconds":            {zval.Span(-1500 * time.Millisecond), `{"@data-type":"timespan","data":"-1500ms"}`},
		"microseconds":            {zval.Span(1001 * time.Microsecond), `{"@data-type":"timespan","data":"1001us"}`},
		"longest timespan":        {zval.Span(math.MinInt64), `{"@data-type":"timespan","data":"-9223372036854775808ns"}`},
		"set":                     {zval.Set(zval.Count(2), one), `{"@data-type":"set","data":[{"@data-type":"count","data":1},{"@data-type":"count","data":2}]}`},
		"table":                   {zval.Table(zval.Entry{Key: one, Val: zval.Vector()}), `{"@data-type":"table","data":[{"key":{"@data-type":"count","data":1},"value":{"@data-type":"vector","data":[]}}]}`},
		"vector":                  {zval.Vector(one, zval.None()), `{"@data-type":"vector","data":[{"@data-type":"count","data":1},{"@data-type":"none","data":{}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(wsjson.AppendValue(nil, tt.v))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is no JSON", got)
			}
			back, err := wsjson.ParseValue([]byte(got), wsjson.Limits{})
			if want := lossy(t, tt.v); err != nil || !zval.Equal(back, want) {
				t.Errorf("%s is read as another value, a %v, %v", got, back.Kind(), err)
			}
		})
	}
}

// lossy returns what is left of v in JSON, as the package's documentation says.
func lossy(t testing.TB, v zval.Value) zval.Value {
	var elems []zval.Value
	for _, e := range v.Elems() {
		elems = append(elems, lossy(t, e))
	}
	switch v.Kind() {
	case zval.KindReal:
		f, _ := v.Real()
		f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', 6, 64), 64)
		return zval.Real(f)
	case zval.KindString:
		return zval.String(string([]rune(v.Text())))
	case zval.KindEnum:
		return zval.Enum(string([]rune(v.Text())))
	case zval.KindTime:
		nanos, _ := v.Time()
		if nanos < 0 {
			return zval.Time(nanos / 1e9 * 1e9)
		}
		return zval.Time(nanos / 1e6 * 1e6)
	case zval.KindSet:
		return zval.Set(elems...)
	case zval.KindTable:
		table, ok := zval.TableInOrder(elems)
		if !ok {
			t.Skip("two keys of a table differ only in what JSON loses")
		}
		return table
	case zval.KindVector:
		return zval.Vector(elems...)
	}
	return v
}

func TestWhatZeekReadsAndMoreIsRead(t *testing.T) {
	str := zval.String
	for name, tt := range map[string]struct {
		text string
		want zval.Value
	}{
		"data before its type":       {`{"data":7,"@data-type":"count"}`, zval.Count(7)},
		"white space":                {" \t\r\n{ \"@data-type\"\r:\n\"count\" , \"data\" : 7 } \n", zval.Count(7)},
		"unknown members":            {`{"a":[1,{"b":null}],"@data-type":"count","c":"\u00e9","data":7,"d":-1.5e+3}`, zval.Count(7)},
		"the first of two types":     {`{"@data-type":"count","@data-type":"real","data":7}`, zval.Count(7)},
		"the first of two data":      {`{"@data-type":"count","data":7,"data":8}`, zval.Count(7)},
		"the first, type last":       {`{"data":7,"data":8,"@data-type":"count"}`, zval.Count(7)},
		"names with escapes":         {`{"@dat\u0061-type":"c\u006funt","\u0064ata":7}`, zval.Count(7)},
		"none with anything":         {`{"@data-type":"none","data":[1,"x"]}`, zval.None()},
		"none with nothing":          {`{"@data-type":"none"}`, zval.None()},
		"none after anything":        {`{"data":true,"@data-type":"none"}`, zval.None()},
		"a count of minus nothing":   {`{"@data-type":"count","data":-0}`, zval.Count(0)},
		"negative integer":           {`{"@data-type":"integer","data":-9223372036854775808}`, zval.Int(math.MinInt64)},
		"real without a point":       {`{"@data-type":"real","data":1}`, zval.Real(1)},
		"real with an exponent":      {`{"@data-type":"real","data":1E+2}`, zval.Real(100)},
		"real of all digits":         {`{"@data-type":"real","data":3.141592653589793}`, zval.Real(math.Pi)},
		"real too large":             {`{"@data-type":"real","data":1e999}`, zval.Real(math.Inf(1))},
		"real too small":             {`{"@data-type":"real","data":-1e-999}`, zval.Real(0)},
		"Zeek's nan":                 {`{"@data-type":"real","data":nan}`, zval.Real(math.NaN())},
		"Zeek's other nan":           {`{"@data-type":"real","data":-nan}`, zval.Real(math.NaN())},
		"Zeek's inf":                 {`{"@data-type":"real","data":inf}`, zval.Real(math.Inf(1))},
		"Zeek's -inf, type last":     {`{"data":-inf,"@data-type":"real"}`, zval.Real(math.Inf(-1))},
		"every escape":               {`{"@data-type":"string","data":"\"\\\/\b\f\n\r\t\v\u00fC\ud83d\uDC19"}`, str("\"\\/\b\f\n\r\t\vü🐙")},
		"half a surrogate pair":      {`{"@data-type":"string","data":"\ud83d|\udc19|\ud83d\u0041|\ud83d"}`, str("\ufffd|\ufffd|\ufffdA|\ufffd")},
		"a long string":              {`{"@data-type":"string","data":"` + strings.Repeat("x", 100) + `"}`, str(strings.Repeat("x", 100))},
		"an escape after long":       {`{"@data-type":"string","data":"` + strings.Repeat("x", 100) + `\n"}`, str(strings.Repeat("x", 100) + "\n")},
		"control bytes as Zeek has":  {"{\"@data-type\":\"string\",\"data\":\"\x00\x01\n\v\"}", str("\x00\x01\n\v")},
		"bytes that are not text":    {"{\"@data-type\":\"string\",\"data\":\"\xff\xfe\\n\xc3\"}", str("\xff\xfe\n\xc3")},
		"mapped address":             {`{"@data-type":"address","data":"::ffff:10.0.0.1"}`, addr("10.0.0.1")},
		"upper-case address":         {`{"@data-type":"address","data":"2001:DB8::1"}`, addr("2001:db8::1")},
		"subnet with host bits":      {`{"@data-type":"subnet","data":"10.1.2.3/8"}`, subnet("10.0.0.0/8")},
		"subnet of a mapped address": {`{"@data-type":"subnet","data":"::ffff:10.1.2.3/8"}`, subnet("10.0.0.0/8")},
		"port without a protocol":    {`{"@data-type":"port","data":"80"}`, zval.Port(80, zval.ProtoTCP)},
		"port of icmp":               {`{"@data-type":"port","data":"8/icmp"}`, zval.Port(8, zval.ProtoICMP)},
		"port of no protocol":        {`{"@data-type":"port","data":"8/?"}`, zval.Port(8, zval.ProtoUnknown)},
		"port of another protocol":   {`{"@data-type":"port","data":"8/sctp"}`, zval.Port(8, zval.ProtoUnknown)},
		"highest port":               {`{"@data-type":"port","data":"65535/tcp"}`, zval.Port(65535, zval.ProtoTCP)},
		"set with duplicates":        {`{"@data-type":"set","data":[{"@data-type":"count","data":2},{"@data-type":"count","data":1},{"data":2,"@data-type":"count"}]}`, zval.Set(zval.Count(1), zval.Count(2))},
		"entry, value first":         {`{"@data-type":"table","data":[{"x":0,"value":{"@data-type":"vector","data":[{"@data-type":"count","data":2}]},"key":{"@data-type":"vector","data":[{"@data-type":"count","data":1}]},"key":0}]}`, zval.Table(zval.Entry{Key: zval.Vector(zval.Count(1)), Val: zval.Vector(zval.Count(2))})},
		"containers in a row":        {`{"@data-type":"vector","data":[{"data":[{"@data-type":"count","data":1}],"@data-type":"vector"},{"@data-type":"vector","data":[]},{"@data-type":"vector","data":[{"@data-type":"count","data":2},{"@data-type":"vector","data":[{"@data-type":"count","data":3}]},{"@data-type":"count","data":4}]}]}`, zval.Vector(zval.Vector(zval.Count(1)), zval.Vector(), zval.Vector(zval.Count(2), zval.Vector(zval.Count(3)), zval.Count(4)))},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wsjson.ParseValue([]byte(tt.text), wsjson.Limits{})
			if err != nil || !zval.Equal(got, tt.want) {
				t.Errorf("got %s, %v\nwant %s", wsjson.AppendValue(nil, got), err, wsjson.AppendValue(nil, tt.want))
			}
		})
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2024-06-01T10:00:00":                  "2024-06-01T10:00:00Z",
		"2024-06-01T10:00:00.5":                "2024-06-01T10:00:00.5Z",
		"2024-06-01T10:00:00.123456789":        "2024-06-01T10:00:00.123456789Z",
		"2024-06-01T10:00:00Z":                 "2024-06-01T10:00:00Z",
		"2024-06-01T10:00:00.25+02":            "2024-06-01T08:00:00.25Z",
		"2024-06-01T10:00:00-0530":             "2024-06-01T15:30:00Z",
		"2024-06-01T00:30:00+01:45":            "2024-05-31T22:45:00Z",
		"2024-02-29T00:00:00":                  "2024-02-29T00:00:00Z",
		"1969-12-31T23:59:59.500":              "1969-12-31T23:59:59.5Z",
		"1970-01-01T00:00:00-00:01":            "1970-01-01T00:01:00Z",
		"1677-09-21T00:12:43.145224192":        "1677-09-21T00:12:43.145224192Z", // the first of 64 bits
		"2262-04-11T23:47:16.854775807":        "2262-04-11T23:47:16.854775807Z", // the last
		"1677-09-21T00:12:43.145224191":        "",
		"2262-04-11T23:47:16.854775808":        "",
		"0001-01-01T00:00:00":                  "",
		"9999-12-31T23:59:59":                  "",
		"2023-02-29T00:00:00":                  "",
		"2024-13-01T00:00:00":                  "",
		"2024-06-01T24:00:00":                  "",
		"2024-06-01T10:60:00":                  "",
		"2024-06-01 10:00:00":                  "",
		"2024-06-01T10:00":                     "",
		"2024-06-01":                           "",
		"2024-06-01T10:00:00.":                 "",
		"2024-06-01T10:00:00.1234567890":       "",
		"2024-06-01T10:00:00,5":                "",
		"2024-06-01T10:00:00z":                 "",
		"2024-06-01T10:00:00+1":                "",
		"2024-06-01T10:00:00+":                 "",
		"2024-06-01T10:00:00+24":               "",
		"2024-06-01T10:00:00+00:60":            "",
		"2024-06-01T10:00:00+0:000":            "",
		"2024-06-01T10:00:00+01:":              "",
		"2024-06-01T10:00:00Z ":                "",
		"":                                     "",
		"2024-06-01T10:00:00.5 ":               "",
		"2024-06-01T10:00:00.123456789+00:00Z": "",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := wsjson.ParseValue([]byte(`{"@data-type":"timestamp","data":"`+text+`"}`), wsjson.Limits{})
			if want == "" {
				if err == nil {
					t.Errorf("got %s, want an error", wsjson.AppendValue(nil, got))
				}
				return
			}
			if err != nil || !zval.Equal(got, at(t, want)) {
				t.Errorf("got %s, %v, want %s", wsjson.AppendValue(nil, got), err, want)
			}
		})
	}
}

func TestTimespans(t *testing.T) {
	const refused = time.Duration(-1)
	for text, want := range map[string]time.Duration{
		"0s": 0, "-0ns": 0, "7ns": 7, "7us": 7000, "7ms": 7e6, "7s": 7e9, "7min": 7 * time.Minute, "7h": 7 * time.Hour,
		"7d": 7 * 24 * time.Hour, "-3s": -3e9, "+3s": 3e9, "007s": 7e9, "18446744073709551615ns": refused,
		"1.5s": 1.5e9, "-0.25h": -15 * time.Minute, "0.1ns": 0, "1.9999999999999999999s": 1999999999,
		"0.999999999s": 999999999, "-1.000000001s": -1000000001,
		"9223372036854775807ns": math.MaxInt64, "9223372036854775808ns": refused,
		"-9223372036854775808ns": math.MinInt64, "-9223372036854775809ns": refused,
		"9223372036s": 9223372036e9, "9223372037s": refused, "9223372036.854775807s": math.MaxInt64,
		"9223372036.854775808s": refused, "106751d": 106751 * 24 * time.Hour, "106752d": refused,
		"99999999999999999999s": refused, "18446744073709551615d": refused,
		"": refused, "s": refused, "7": refused, "7 s": refused, " 7s": refused, "7S": refused, "7sec": refused,
		"-s": refused, "--1s": refused, "1.s": refused, ".5s": refused, "1e3s": refused, "0x1s": refused, "7m": refused,
	} {
		t.Run(text, func(t *testing.T) {
			v, err := wsjson.ParseValue([]byte(`{"@data-type":"timespan","data":"`+text+`"}`), wsjson.Limits{})
			got, _ := v.Span()
			if (err != nil) != (want == refused) || err == nil && got != want {
				t.Errorf("got %d, %v, want %d", got, err, want)
			}
		})
	}
}

// notValues are texts that are no values, with the reason and its offset.
var notValues = map[string]struct {
	text   string
	offset int
	reason string
}{
	"nothing":                    {``, 0, "no { where one must be"},
	"white space":                {` `, 1, "no { where one must be"},
	"an array":                   {`[]`, 0, "no { where one must be"},
	"an object without a type":   {`{}`, 2, "no data type"},
	"data without a type":        {`{"data":1}`, 10, "no data type"},
	"a type without data":        {`{"@data-type":"count"}`, 22, "no data"},
	"a type that is a number":    {`{"@data-type":1,"data":1}`, 14, "not a string"},
	"a type that is unknown":     {`{"@data-type":"counts","data":1}`, 22, "unknown data type"},
	"text after the end":         {`{"@data-type":"none"} x`, 22, "text after the end"},
	"a second value":             {`{"@data-type":"none"}{}`, 21, "text after the end"},
	"no end":                     {`{"@data-type":"none"`, 20, "no comma and no end"},
	"a comma before the end":     {`{"@data-type":"none",}`, 21, "not a string"},
	"no comma":                   {`{"@data-type":"none" "data":1}`, 21, "no comma and no end"},
	"no colon":                   {`{"@data-type" "none"}`, 14, "no colon after a name"},
	"a name without quotes":      {`{data:1}`, 1, "not a string"},
	"a string without an end":    {`{"@data-type":"none`, 14, "string without an end"},
	"a long one without an end":  {`{"@data-type":"string","data":"` + strings.Repeat("x", 50), 30, "string without an end"},
	"an escape without an end":   {`{"@data-type":"string","data":"\`, 32, "string without an end"},
	"text after an escape":       {`{"@data-type":"string","data":"\nx`, 33, "string without an end"},
	"an unknown escape":          {`{"@data-type":"string","data":"\x41"}`, 32, "unknown escape"},
	"an escape of three digits":  {`{"@data-type":"string","data":"\u004"}`, 33, "escape without four hexadecimal digits"},
	"half a pair, then nonsense": {`{"@data-type":"string","data":"\ud800\u00g0"}`, 39, "escape without four hexadecimal digits"},
	"boolean as a number":        {`{"@data-type":"boolean","data":1}`, 31, "neither true nor false"},
	"boolean as a string":        {`{"@data-type":"boolean","data":"true"}`, 31, "neither true nor false"},
	"boolean and more":           {`{"@data-type":"boolean","data":truest}`, 35, "no comma and no end"},
	"negative count":             {`{"@data-type":"count","data":-1}`, 29, "malformed count"},
	"count with a point":         {`{"@data-type":"count","data":1.0}`, 29, "malformed count"},
	"count too large":            {`{"@data-type":"count","data":18446744073709551616}`, 29, "malformed count"},
	"count as a string":          {`{"@data-type":"count","data":"1"}`, 29, "not a number"},
	"integer with an exponent":   {`{"@data-type":"integer","data":1e0}`, 31, "malformed integer"},
	"integer too small":          {`{"@data-type":"integer","data":-9223372036854775809}`, 31, "malformed integer"},
	"leading zero":               {`{"@data-type":"count","data":01}`, 31, "not a number"},
	"plus":                       {`{"@data-type":"count","data":+1}`, 29, "not a number"},
	"minus alone":                {`{"@data-type":"integer","data":-}`, 32, "not a number"},
	"point alone":                {`{"@data-type":"real","data":.5}`, 28, "not a number"},
	"point in the end":           {`{"@data-type":"real","data":1.}`, 30, "no digits after a decimal point"},
	"exponent without digits":    {`{"@data-type":"real","data":1e+}`, 31, "no digits in an exponent"},
	"real as a string":           {`{"@data-type":"real","data":"1.0"}`, 28, "not a number"},
	"string as a number":         {`{"@data-type":"string","data":1}`, 30, "not a string"},
	"address of nothing":         {`{"@data-type":"address","data":""}`, 31, "malformed address"},
	"address with a zone":        {`{"@data-type":"address","data":"fe80::1%eth0"}`, 31, "malformed address"},
	"address with a port":        {`{"@data-type":"address","data":"10.0.0.1:80"}`, 31, "malformed address"},
	"subnet without a length":    {`{"@data-type":"subnet","data":"10.0.0.0"}`, 30, "malformed subnet"},
	"subnet of no address":       {`{"@data-type":"subnet","data":"x/8"}`, 30, "malformed subnet"},
	"subnet of negative length":  {`{"@data-type":"subnet","data":"10.0.0.0/-8"}`, 30, "malformed subnet"},
	"subnet with a zone":         {`{"@data-type":"subnet","data":"fe80::%eth0/64"}`, 30, "malformed subnet"},
	"subnet too long for IPv4":   {`{"@data-type":"subnet","data":"10.0.0.0/33"}`, 30, "malformed subnet"},
	"subnet too long for IPv6":   {`{"@data-type":"subnet","data":"2001:db8::/129"}`, 30, "malformed subnet"},
	"subnet too long for all":    {`{"@data-type":"subnet","data":"::/99999999999999999999"}`, 30, "malformed subnet"},
	"port beyond 16 bits":        {`{"@data-type":"port","data":"70000/tcp"}`, 28, "malformed port"},
	"port just beyond 16 bits":   {`{"@data-type":"port","data":"65536/tcp"}`, 28, "malformed port"},
	"port of no number":          {`{"@data-type":"port","data":"http/tcp"}`, 28, "malformed port"},
	"negative port":              {`{"@data-type":"port","data":"-1/tcp"}`, 28, "malformed port"},
	"port beyond all":            {`{"@data-type":"port","data":"99999999999999999999"}`, 28, "malformed port"},
	"vector as an object":        {`{"@data-type":"vector","data":{}}`, 30, "no [ where one must be"},
	"vector of what is no value": {`{"@data-type":"vector","data":[1]}`, 31, "not a value"},
	"vector of an empty object":  {`{"@data-type":"vector","data":[{}]}`, 33, "no data type"},
	"entry of a number":          {`{"@data-type":"table","data":[{"key":1,"value":2}]}`, 37, "not a value"},
	"entries of nothing":         {`{"@data-type":"table","data":[{},{},{}]}`, 32, "table entry without key or value"},
	"vector without an end":      {`{"@data-type":"vector","data":[`, 31, "not a value"},
	"table of values":            {`{"@data-type":"table","data":[{"@data-type":"none"}]}`, 51, "table entry without key or value"},
	"entry without a value":      {`{"@data-type":"table","data":[{"key":{"@data-type":"none"}}]}`, 59, "table entry without key or value"},
	"a key twice":                {`{"@data-type":"table","data":[{"key":{"@data-type":"none"},"value":{"@data-type":"none"}},{"key":{"@data-type":"none"},"value":{"@data-type":"none"}}]}`, 29, "table with a key twice"},
	"an error in data first":     {`{"data":"x","@data-type":"count"}`, 8, "not a number"},
	"no JSON in what is ignored": {`{"@data-type":"none","x":[1,}]}`, 28, "not a number"},
	"too deep in what is not":    {`{"@data-type":"none","data":` + strings.Repeat(`[`, 128) + strings.Repeat(`]`, 128) + `}`, 155, "nested deeper than allowed"},
}

func TestWhatIsNoValueIsRefused(t *testing.T) {
	for name, tt := range notValues {
		t.Run(name, func(t *testing.T) {
			v, err := wsjson.ParseValue([]byte(tt.text), wsjson.Limits{})
			want := wsjson.Error{Context: wsjson.ContextBody, Offset: tt.offset, Reason: tt.reason}
			if got, ok := errors.AsType[*wsjson.Error](err); !ok || *got != want || !v.IsNone() {
				t.Errorf("got %v, want %v", err, &want)
			}
		})
	}
}

// vectors returns n vectors in one another: 2n objects and arrays, n values.
func vectors(n int) []byte {
	return []byte(strings.Repeat(`{"@data-type":"vector","data":[`, n) + strings.Repeat(`]}`, n))
}

func TestLimits(t *testing.T) {
	wide := func(n int) []byte { return wsjson.AppendValue(nil, zval.Vector(make([]zval.Value, n-1)...)) }
	for name, tt := range map[string]struct {
		lim          wsjson.Limits
		fits, beyond []byte
		reason       string
	}{
		"depth":             {wsjson.Limits{Depth: 4}, vectors(2), vectors(3), "nested deeper than allowed"},
		"depth by default":  {wsjson.Limits{}, vectors(64), vectors(65), "nested deeper than allowed"},
		"no depth at all":   {wsjson.Limits{Depth: -1}, vectors(64), vectors(65), "nested deeper than allowed"},
		"values":            {wsjson.Limits{Elements: 5}, wide(5), wide(6), "more values than allowed"},
		"values in depth":   {wsjson.Limits{Elements: 5}, vectors(5), vectors(6), "more values than allowed"},
		"one value":         {wsjson.Limits{Elements: 1}, wide(1), wide(2), "more values than allowed"},
		"values by default": {wsjson.Limits{}, wide(1 << 20), wide(1<<20 + 1), "more values than allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := wsjson.ParseValue(tt.fits, tt.lim); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			_, err := wsjson.ParseValue(tt.beyond, tt.lim)
			if got, ok := errors.AsType[*wsjson.Error](err); !ok || got.Reason != tt.reason {
				t.Errorf("beyond the limit: got %v, want %q", err, tt.reason)
			}
		})
	}
}

func TestAParsedValueIsItsOwn(t *testing.T) {
	text := wsjson.AppendValue(nil, recordEvent())
	v, err := wsjson.ParseValue(text, wsjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	elems, _ := v.Vector()
	inner, _ := elems[2].Vector()
	_ = append(inner, zval.None()) // must not reach the elements of another container
	if !zval.Equal(v, recordEvent()) {
		t.Error("the value changed with the text that it was parsed from")
	}
}

func TestAllocations(t *testing.T) {
	for name, event := range events {
		v := event()
		text := wsjson.AppendMessage(nil, topic, v)
		buf := make([]byte, 0, len(text))
		if got := testing.AllocsPerRun(100, func() { wsjson.AppendMessage(buf, topic, v) }); got != 0 {
			t.Errorf("AppendMessage, event %q: %v allocations, want 0", name, got)
		}
		if got := testing.AllocsPerRun(100, func() { wsjson.ParseMessage(text, wsjson.Limits{}) }); got > 2 {
			t.Errorf("ParseMessage, event %q: %v allocations, want at most 2", name, got)
		}
	}
}
