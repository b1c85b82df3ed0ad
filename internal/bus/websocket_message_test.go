package bus_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestTopicArrays(t *testing.T) {
	tests := map[string]struct {
		text    string
		code    string // empty: acked
		context string
	}{
		"an empty array":              {`[]`, "", ""},
		"the empty prefix":            {`[""]`, "", ""},
		"duplicates":                  {`["a","a", "a"]`, "", ""},
		"as many as the limit":        {`["a","b","c"]`, "", ""},
		"an object":                   {`{}`, "deserialization_failed", "subscriptions not an array"},
		"no JSON":                     {`a`, "deserialization_failed", "subscriptions not an array"},
		"nothing":                     {``, "deserialization_failed", "subscriptions not an array"},
		"something after the array":   {`["a"] x`, "deserialization_failed", "subscriptions not an array"},
		"a number in the array":       {`["a",1]`, "deserialization_failed", "individual subscription not a string"},
		"an array in the array":       {`[["a"]]`, "deserialization_failed", "individual subscription not a string"},
		"one more than the limit has": {`["a","b","c","d"]`, "too_many_subscriptions", "Too many subscriptions"},
		"an array without an end":     {`["` + strings.Repeat("x", 1000), "too_many_subscriptions", "Subscriptions too long"},
		"longer ones than the limit":  {`["0123","456789"]`, "too_many_subscriptions", "Subscriptions too long"},
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{MaxTopics: 3, MaxTopicBytes: 9})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawUpgrade(t, addr, "/v1/messages/json")
			w.frame(opText, tt.text)
			w.frame(opText, `{}`) // never gets its own answer if the array is refused
			got := w.text()
			if tt.code == "" {
				if !strings.HasPrefix(got, `{"type":"ack",`) {
					t.Errorf("got %s, want an ack", got)
				}
				return
			}
			if got != failure(tt.code, tt.context) {
				t.Errorf("got %s, want %s", got, tt.context)
			}
			w.expectClose(1008, tt.context)
		})
	}
}

func TestAckText(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{Version: `8.2.2 "x"`})
	w := rawUpgrade(t, addr, "/v1/messages/json")
	w.frame(opBinary, `["a"]`)
	want := `{"type":"ack","endpoint":"` + e.ID().String() + `-websocket-0","version":"8.2.2 \"x\""}`
	if got := w.text(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBadEventsAreAnsweredAndGoNowhere(t *testing.T) {
	const (
		body  = "failed to decode JSON object"
		topic = "no topic in top-level JSON object"
		shape = "failed to create Zeek event"
	)
	// with is a message on topic a whose data are the three elements.
	with := func(data string) string {
		return `{"topic":"a","@data-type":"vector","data":[` + data + `]}`
	}
	const (
		one  = `{"@data-type":"count","data":1}`
		two  = `{"@data-type":"count","data":2}`
		name = `{"@data-type":"string","data":"x"}`
		list = `{"@data-type":"vector","data":[]}`
	)
	vector := func(elems ...string) string {
		return `{"@data-type":"vector","data":[` + strings.Join(elems, ",") + `]}`
	}
	tests := map[string]struct{ text, context string }{
		"no JSON":                             {`x`, body},
		"an array":                            {`[]`, body},
		"text after the object":               {eventText("a", "x") + "x", body},
		"no data":                             {`{"topic":"a"}`, body},
		"no data, and no topic either":        {`{}`, body},
		"an unknown type":                     {`{"topic":"a","@data-type":"thing","data":1}`, body},
		"nesting beyond the limit":            {strings.Repeat("[", 200), body},
		"no topic":                            {`{"@data-type":"count","data":1}`, topic},
		"a topic that is a number":            {`{"topic":1,"@data-type":"count","data":1}`, topic},
		"the reserved topic":                  {eventText("<$>", "x"), topic},
		"a topic below the reserved one":      {eventText("<$>/local/x", "x"), topic},
		"no event":                            {`{"topic":"a","@data-type":"count","data":1}`, shape},
		"an empty vector":                     {with(``), shape},
		"two elements":                        {with(one + "," + one), shape},
		"another format":                      {with(two + "," + one + "," + vector(name, list)), shape},
		"a log record":                        {with(one + "," + two + "," + vector(name, list)), shape},
		"content that is no vector":           {with(one + "," + one + "," + name), shape},
		"an event without arguments' vector":  {with(one + "," + one + "," + vector(name)), shape},
		"an event whose name is a number":     {with(one + "," + one + "," + vector(one, list)), shape},
		"an event whose arguments are a name": {with(one + "," + one + "," + vector(name, name)), shape},
		"metadata that are no vector":         {with(one + "," + one + "," + vector(name, list, one)), shape},
		"metadata of single values":           {with(one + "," + one + "," + vector(name, list, vector(one))), shape},
		"metadata whose id is no count":       {with(one + "," + one + "," + vector(name, list, vector(vector(name, one)))), shape},
		"an event that is not admitted":       {eventText("a", "forbidden"), shape},
	}
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e, "")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{Admit: func(_ string, v zval.Value) error {
		if zval.Equal(v, plainEvent("forbidden")) {
			return errors.New("forbidden")
		}
		return nil
	}})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawClient(t, addr, "[]")
			next[bus.PeerAdded](t, sub)
			w.frame(opText, tt.text)
			w.frame(opText, eventText("a", "good"))
			if got := w.text(); got != failure("deserialization_failed", tt.context) {
				t.Errorf("got %s, want %s", got, tt.context)
			}
			if got := next[bus.Message](t, sub); !zval.Equal(got.Value, plainEvent("good")) {
				t.Errorf("got event %v", got.Value)
			}
			w.c.Close()
			next[bus.PeerLost](t, sub)
		})
	}
}

func TestGoodEventsArrive(t *testing.T) {
	stamp := zval.Vector(zval.Vector(zval.Count(1), zval.Time(1_000_000_000)))
	const meta = `{"@data-type":"vector","data":[{"@data-type":"vector","data":[{"@data-type":"count","data":1},{"@data-type":"timestamp","data":"1970-01-01T00:00:01.000"}]}]}`
	tests := map[string]struct {
		first byte
		text  string
		topic string
		want  zval.Value
	}{
		"an event":                      {opText, eventText("a", "x"), "a", plainEvent("x")},
		"an event in a binary message":  {opBinary, eventText("a", "x"), "a", plainEvent("x")},
		"an event on the empty topic":   {opText, eventText("", "x"), "", plainEvent("x")},
		"an event without type":         {opText, strings.Replace(eventText("a", "x"), `"type":"data-message",`, "", 1), "a", plainEvent("x")},
		"an event with unknown members": {opText, strings.Replace(eventText("a", "x"), `{`, `{"more":[{}],`, 1), "a", plainEvent("x")},
		"an event with metadata": {opText, strings.Replace(eventText("a", "x"), `"data":[]}]}]}`, `"data":[]},`+meta+`]}]}`, 1), "a",
			eventWith("x", nil, stamp)},
	}
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e, "")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	w := rawClient(t, addr, "[]")
	next[bus.PeerAdded](t, sub)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.frame(tt.first, tt.text)
			if got := next[bus.Message](t, sub); got.Topic != tt.topic || !zval.Equal(got.Value, tt.want) {
				t.Errorf("got %v on %q", got.Value, got.Topic)
			}
		})
	}
}

func TestWhatClientsSee(t *testing.T) {
	stamp := zval.Vector(zval.Vector(zval.Count(1), zval.Time(1_000_000_000)))
	const head = `{"type":"data-message","topic":"a","@data-type":"vector","data":[{"@data-type":"count","data":1},{"@data-type":"count","data":1},` +
		`{"@data-type":"vector","data":[{"@data-type":"string","data":"x"},{"@data-type":"vector","data":[{"@data-type":"count","data":7}]}`
	seven := []zval.Value{zval.Count(7)}
	tests := map[string]struct {
		value zval.Value
		want  string // empty: nothing
	}{
		"an event without metadata":    {plainEvent("x", seven...), head + `]}]}`},
		"an event with empty metadata": {event("x", seven...), head + `]}]}`},
		"an event with metadata": {eventWith("x", seven, stamp),
			head + `,{"@data-type":"vector","data":[{"@data-type":"vector","data":[{"@data-type":"count","data":1},{"@data-type":"timestamp","data":"1970-01-01T00:00:01.000"}]}]}]}]}`},
		"an event with metadata of its own": {eventWith("x", seven, zval.Vector(zval.Vector(zval.Count(200), zval.Bool(true)))),
			head + `,{"@data-type":"vector","data":[{"@data-type":"vector","data":[{"@data-type":"count","data":200},{"@data-type":"boolean","data":true}]}]}]}]}`},
		"an event whose timestamp is none": {eventWith("x", seven, zval.Vector(zval.Vector(zval.Count(1), zval.String("now")))), ""},
		"a log record":                     {zval.Vector(zval.Count(1), zval.Count(3), zval.Vector(zval.Enum("HTTP::LOG"))), ""},
		"a batch":                          {zval.Vector(zval.Count(1), zval.Count(5), zval.Vector(event("x"))), ""},
		"no message":                       {zval.String("x"), ""},
	}
	e := newEndpoint(t, bus.Config{})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	w := rawClient(t, addr, `[""]`)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e.Publish("a", tt.value)
			e.Publish("a", tt.value)
			if tt.want != "" {
				for range 2 {
					if got := w.text(); got != tt.want {
						t.Errorf("got  %s\nwant %s", got, tt.want)
					}
				}
			}
			e.Publish("a", event("end"))
			if got := w.text(); !strings.Contains(got, `"data":"end"`) {
				t.Errorf("got %s, want nothing", got)
			}
		})
	}
}
