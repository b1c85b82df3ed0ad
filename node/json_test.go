package node_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/node"
)

type endpoint struct {
	Host netip.Addr `json:"host"`
	Port node.Port  `json:"p"`
}

type record struct {
	ID     string `json:"_id"`
	Count  uint64
	Tags   []string `json:"tags,omitempty"`
	Note   *string  `json:"note"`
	Any    any      `json:"any"`
	Secret string   `json:"-"`
	hidden int
}

type loop struct {
	Next *loop `json:"next"`
}

type mute struct{}

func (mute) MarshalText() ([]byte, error) { return nil, errors.New("no text") }

// rendered are values and the JSON that they become.
var rendered = map[string]struct {
	val  any
	want string
}{
	"true":                        {true, `true`},
	"an int":                      {-7, `-7`},
	"the largest count":           {uint64(math.MaxUint64), `18446744073709551615`},
	"a byte is a count":           {uint8(200), `200`},
	"a double":                    {0.1, `0.1`},
	"a whole double":              {3.0, `3.0`},
	"a negative zero":             {math.Copysign(0, -1), `-0.0`},
	"a long double":               {123456789012345680000.0, `123456789012345680000.0`},
	"a double with an exponent":   {1.5e21, `1.5e21`},
	"a small double":              {0.000001, `0.000001`},
	"a smaller double":            {0.00000025, `2.5e-7`},
	"not a number":                {math.NaN(), `null`},
	"an infinity":                 {math.Inf(-1), `null`},
	"a time":                      {time.Unix(1700000000, 500_000_000), `1700000000.5`},
	"no interval":                 {time.Duration(0), `"0 secs"`},
	"one second":                  {time.Second, `"1.0 sec"`},
	"ten seconds":                 {10 * time.Second, `"10.0 secs"`},
	"an hour and a half":          {90 * time.Minute, `"1.0 hr 30.0 mins"`},
	"all units":                   {49*time.Hour + time.Minute + 2*time.Second + 3*time.Millisecond + 4500*time.Nanosecond, `"2.0 days 1.0 hr 1.0 min 2.0 secs 3.0 msecs 4.5 usecs"`},
	"a negative interval":         {-1500 * time.Millisecond, `"-1.0 sec -500.0 msecs"`},
	"a string":                    {`say "hé"\`, `"say \"hé\"\\"`},
	"an empty string":             {"", `""`},
	"control characters":          {"a\b\f\n\r\tz", `"a\b\f\n\r\tz"`},
	"unprintable characters":      {"\x00\x1b\x7f", `"\\x00\\x1b\\x7f"`},
	"bytes that are not UTF-8":    {"\xff\xc3", `"\\xff\\xc3"`},
	"bytes":                       {[]byte("abc"), `"abc"`},
	"a slash and beyond ASCII":    {"/\u2028😀", "\"/\u2028😀\""},
	"a port":                      {node.Port{Number: 443, Proto: "tcp"}, `{"port":443,"proto":"tcp"}`},
	"a port without protocol":     {node.Port{}, `{"port":0,"proto":"unknown"}`},
	"an address":                  {netip.MustParseAddr("2001:db8::1"), `"2001:db8::1"`},
	"a subnet":                    {netip.MustParsePrefix("10.0.0.0/8"), `"10.0.0.0/8"`},
	"a pointer to an address":     {new(netip.MustParseAddr("10.0.0.1")), `"10.0.0.1"`},
	"a text that cannot be had":   {mute{}, `null`},
	"a vector":                    {[]any{1, nil, "x"}, `[1,null,"x"]`},
	"an array":                    {[2]bool{true, false}, `[true,false]`},
	"an empty vector":             {[]int(nil), `[]`},
	"a set":                       {map[string]struct{}{"b": {}, "a": {}}, `["a","b"]`},
	"a set of two indices":        {map[endpoint]struct{}{{netip.MustParseAddr("10.0.0.1"), node.Port{Number: 1, Proto: "udp"}}: {}}, `[["10.0.0.1",{"port":1,"proto":"udp"}]]`},
	"an empty set":                {map[int]struct{}{}, `[]`},
	"a table":                     {map[string]int{"b": 2, "a": 1}, `{"a":1,"b":2}`},
	"a table of counts":           {map[uint16]string{80: "http"}, `{"80":"http"}`},
	"a table of addresses":        {map[netip.Addr]bool{netip.MustParseAddr("::1"): true}, `{"::1":true}`},
	"a table of intervals":        {map[time.Duration]int{time.Second: 1}, `{"1.0 sec":1}`},
	"a table of ports":            {map[node.Port]int{{Number: 1, Proto: "tcp"}: 1}, `{"{\"port\":1,\"proto\":\"tcp\"}":1}`},
	"a table of two indices":      {map[[2]string]int{{"a", "b"}: 1}, `{"[\"a\",\"b\"]":1}`},
	"an empty table":              {map[string]int(nil), `{}`},
	"a record":                    {record{ID: "x", Tags: []string{"t"}, Any: 1, Secret: "s", hidden: 1}, `{"id":"x","Count":0,"tags":["t"],"any":1}`},
	"a record with unset fields":  {&record{}, `{"id":"","Count":0}`},
	"a record in a record":        {map[string]any{"e": endpoint{netip.MustParseAddr("::"), node.Port{}}}, `{"e":{"host":"::","p":{"port":0,"proto":"unknown"}}}`},
	"what Zeek has no word for":   {make(chan int), `null`},
	"a complex number":            {1i, `null`},
	"a nil pointer":               {[]*int{nil}, `[null]`},
	"a nil pointer that has text": {[]*netip.Addr{nil}, `[null]`},
}

func TestValuesAreRenderedAsZeekDoes(t *testing.T) {
	circle := &loop{}
	circle.Next = circle
	ids := map[string]any{"a circle": circle}
	for name, tt := range rendered {
		ids[name] = tt.val
	}
	a := newAgent(t)
	a.run(node.Config{Identifiers: ids})
	peer := a.hello()
	for name, tt := range rendered {
		t.Run(name, func(t *testing.T) {
			got := a.ask(peer, "get_id_value", name)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is not JSON", got)
			}
		})
	}
	t.Run("a value that contains itself ends", func(t *testing.T) {
		if got := a.ask(peer, "get_id_value", "a circle"); !json.Valid([]byte(got)) {
			t.Errorf("got %s", got)
		}
	})
}
