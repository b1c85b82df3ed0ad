package wsjson_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestMessagesAreWrittenAsZeekDoes(t *testing.T) {
	for name, tt := range map[string]struct {
		got  []byte
		want string
	}{
		"data": {wsjson.AppendMessage(nil, "a/\"b\"", zval.Count(1)),
			`{"type":"data-message","topic":"a/\"b\"","@data-type":"count","data":1}`},
		"ack": {wsjson.AppendAck(nil, wsjson.Ack{Endpoint: "5d0c-websocket-3", Version: "8.2.2"}),
			`{"type":"ack","endpoint":"5d0c-websocket-3","version":"8.2.2"}`},
		"error": {wsjson.AppendFailure(nil, wsjson.Failure{Code: wsjson.CodeDeserialization, Context: wsjson.ContextEvent}),
			`{"type":"error","code":"deserialization_failed","context":"failed to create Zeek event"}`},
		"no topics": {wsjson.AppendTopics(nil, nil), `[]`},
		"topics":    {wsjson.AppendTopics([]byte("x"), []string{"", "a\n", "b"}), `x["","a\n","b"]`},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %s, want %s", name, tt.got, tt.want)
		}
	}
}

func TestTopicArrays(t *testing.T) {
	for name, tt := range map[string]struct {
		text    string
		want    []string
		context string
	}{
		"an empty one":                       {`[]`, nil, ""},
		"one topic":                          {`["a"]`, []string{"a"}, ""},
		"duplicates and the empty topic":     {" [ \"a\" ,\r\n\"\", \"a\"]\t", []string{"a", "", "a"}, ""},
		"escapes":                            {`["\u0061\/"]`, []string{"a/"}, ""},
		"a number":                           {`["a",1,"b"]`, nil, wsjson.ContextPrefix},
		"an array":                           {`[["a"]]`, nil, wsjson.ContextPrefix},
		"an object":                          {`[{"a":null}]`, nil, wsjson.ContextPrefix},
		"nothing":                            {``, nil, wsjson.ContextTopics},
		"an object as the root":              {`{}`, nil, wsjson.ContextTopics},
		"a string as the root":               {`"a"`, nil, wsjson.ContextTopics},
		"no end":                             {`["a"`, nil, wsjson.ContextTopics},
		"text after the end":                 {`["a"] ["b"]`, nil, wsjson.ContextTopics},
		"no JSON":                            {`["a",]`, nil, wsjson.ContextTopics},
		"a number, but no JSON at all":       {`[1,"a"`, nil, wsjson.ContextTopics},
		"a number, but no JSON after it all": {`[1]]`, nil, wsjson.ContextTopics},
		"a data message":                     {`{"topic":"a","@data-type":"none"}`, nil, wsjson.ContextTopics},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wsjson.ParseTopics([]byte(tt.text), wsjson.Limits{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			checkContext(t, err, tt.context)
		})
	}
}

// checkContext checks that err has this context, or is nil if there is none.
func checkContext(t *testing.T, err error, context string) {
	t.Helper()
	e, ok := errors.AsType[*wsjson.Error](err)
	if context == "" && err == nil || ok && e.Context == context {
		return
	}
	t.Errorf("got error %v, want one with context %q", err, context)
}

// dataMessages are what both a server and a client may be sent.
var dataMessages = map[string]struct {
	text    string
	topic   string
	context string
}{
	"Zeek's order":            {`{"type":"data-message","topic":"a","@data-type":"count","data":7}`, "a", ""},
	"Python's order":          {`{"@data-type": "count", "data": 7, "topic": "a", "type": "data-message"}`, "a", ""},
	"data first":              {`{"data":7,"@data-type":"count","type":"data-message","topic":"a"}`, "a", ""},
	"the empty topic":         {`{"type":"data-message","topic":"","@data-type":"count","data":7}`, "", ""},
	"the first of two topics": {`{"type":"data-message","topic":"a","topic":1,"@data-type":"count","data":7}`, "a", ""},
	"unknown members":         {`{"type":"data-message","x":[{}],"topic":"a","@data-type":"count","y":"z","data":7,"endpoint":1}`, "a", ""},
	"no topic":                {`{"type":"data-message","@data-type":"count","data":7}`, "", wsjson.ContextTopic},
	"a topic that is none":    {`{"type":"data-message","topic":1,"topic":"a","@data-type":"count","data":7}`, "", wsjson.ContextTopic},
	"the reserved topic":      {`{"type":"data-message","topic":"<$>","@data-type":"count","data":7}`, "", wsjson.ContextTopic},
	"no value":                {`{"type":"data-message","topic":"a"}`, "", wsjson.ContextBody},
	"no value and no topic":   {`{"type":"data-message"}`, "", wsjson.ContextBody},
	"a bad value, bad topic":  {`{"type":"data-message","topic":1,"@data-type":"count","data":"x"}`, "", wsjson.ContextBody},
	"a bad value, no topic":   {`{"type":"data-message","@data-type":"counts","data":7}`, "", wsjson.ContextBody},
	"a bad value, data first": {`{"type":"data-message","data":-7,"@data-type":"count"}`, "", wsjson.ContextBody},
	"no JSON":                 {`{"type":"data-message","topic":"a","@data-type":"count","data":7`, "", wsjson.ContextBody},
	"no JSON where ignored":   {`{"type":tru,"topic":"a","@data-type":"count","data":7}`, "", wsjson.ContextBody},
	"text after the end":      {`{"type":"data-message","topic":"a","@data-type":"count","data":7}}`, "", wsjson.ContextBody},
	"an array":                {`["a"]`, "", wsjson.ContextBody},
	"nothing":                 {``, "", wsjson.ContextBody},
}

func TestDataMessagesFromClients(t *testing.T) {
	for name, tt := range dataMessages {
		t.Run(name, func(t *testing.T) {
			topic, v, err := wsjson.ParseMessage([]byte(tt.text), wsjson.Limits{})
			checkContext(t, err, tt.context)
			if err == nil && !zval.Equal(v, zval.Count(7)) || err != nil && !v.IsNone() || topic != tt.topic {
				t.Errorf("got a %v on %q", v.Kind(), topic)
			}
		})
	}
}

func TestClientsNeedNotSayTheType(t *testing.T) {
	for _, text := range []string{
		`{"topic":"a","@data-type":"count","data":7}`,
		`{"topic":"a","@data-type":"count","data":7,"type":"ack"}`,
		`{"topic":"a","@data-type":"count","data":7,"type":7}`,
	} {
		if topic, v, err := wsjson.ParseMessage([]byte(text), wsjson.Limits{}); err != nil || topic != "a" || !zval.Equal(v, zval.Count(7)) {
			t.Errorf("%s is read as a %v on %q, %v", text, v.Kind(), topic, err)
		}
	}
}

func TestDataMessagesFromServers(t *testing.T) {
	for name, tt := range dataMessages {
		t.Run(name, func(t *testing.T) {
			m, err := wsjson.Parse([]byte(tt.text), wsjson.Limits{})
			checkContext(t, err, tt.context)
			if data, ok := m.(wsjson.Data); err == nil && (!ok || data.Topic != tt.topic || !zval.Equal(data.Value, zval.Count(7))) {
				t.Errorf("got %#v", m)
			}
		})
	}
}

func TestOtherMessagesFromServers(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want wsjson.Message
	}{
		"ack":               {`{"type":"ack","endpoint":"e-1","version":"8.2.2"}`, wsjson.Ack{Endpoint: "e-1", Version: "8.2.2"}},
		"ack, type last":    {`{"version":"v","x":{},"endpoint":"e","endpoint":"f","type":"ack"}`, wsjson.Ack{Endpoint: "e", Version: "v"}},
		"error":             {`{"type":"error","code":"broker_error","context":"a\/b"}`, wsjson.Failure{Code: "broker_error", Context: "a/b"}},
		"error of no words": {`{"type":"error","code":1}`, wsjson.Failure{}},
		"an unknown type":   {`{"type":"news","data":[1]}`, wsjson.Other{Type: "news"}},
		"no type":           {`{"topic":"a","@data-type":"count","data":7}`, wsjson.Other{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := wsjson.Parse([]byte(tt.text), wsjson.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsNameContextByteAndReason(t *testing.T) {
	_, _, err := wsjson.ParseMessage([]byte(`{"@data-type":"count","data":-1}`), wsjson.Limits{})
	if want := "failed to decode JSON object: byte 29: malformed count"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnyTopicMakesValidJSON(t *testing.T) {
	for _, topic := range []string{"\x00", "\xff", "\"", "\\", "\u2028"} {
		if text := wsjson.AppendMessage(nil, topic, zval.None()); !json.Valid(text) {
			t.Errorf("%s is no JSON", text)
		}
	}
}
