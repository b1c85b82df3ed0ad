package wsjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// deep allows any nesting that the other encoding does: a level of vectors is
// two of JSON, a level of tables three.
var deep = wsjson.Limits{Depth: 400}

const tooDeep = "nested deeper than allowed"

// checkStable checks that v is written as JSON, and that the text is read as
// what the package's documentation says is left of v.
func checkStable(t *testing.T, v zval.Value) {
	t.Helper()
	want := lossy(t, v)
	text := wsjson.AppendValue(nil, v)
	if !json.Valid(text) {
		t.Fatalf("no JSON: %q", text)
	}
	got, err := wsjson.ParseValue(text, deep)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if !zval.Equal(got, want) {
		t.Fatalf("%q is read as %q", text, wsjson.AppendValue(nil, got))
	}
	if again := wsjson.AppendValue(nil, got); !bytes.Equal(again, wsjson.AppendValue(nil, want)) {
		t.Fatalf("%q is written as %q", text, again)
	}
}

func FuzzValuesAreStable(f *testing.F) {
	for _, vec := range recorded(f) {
		v, _ := vec.both(f)
		f.Add(native.Encode(v))
	}
	f.Add([]byte("\x0c\x02\x0c\x02\x01\x01\x01\x00\x0c\x02\x01\x00\x00"))
	f.Add([]byte("\x0d\x02\x09\x00\x00\x00\x00\x00\x00\x00\x01\x00\x09\x00\x00\x00\x00\x00\x00\x00\x02\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if v, err := native.Decode(payload, native.Limits{}); err == nil {
			checkStable(t, v)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	for _, vec := range recorded(f) {
		_, text := vec.both(f)
		f.Add(text)
	}
	client, _ := conversations(f)
	for _, text := range client {
		f.Add([]byte(text))
	}
	for _, m := range dataMessages {
		f.Add([]byte(m.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		wsjson.ParseTopics(text, wsjson.Limits{})
		m, _ := wsjson.Parse(text, wsjson.Limits{})
		topic, v, err := wsjson.ParseMessage(text, wsjson.Limits{})
		if data, ok := m.(wsjson.Data); ok && (err != nil || data.Topic != topic || !zval.Equal(data.Value, v)) {
			t.Fatalf("a server reads another message than a client, %v", err)
		}
		if err != nil {
			if e, ok := errors.AsType[*wsjson.Error](err); !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("error %v about %d bytes", err, len(text))
			}
			return
		}
		if !json.Valid(strict(text)) {
			t.Fatalf("accepted what is no JSON: %q", text)
		}
		checkStable(t, v)
		back, _, err := wsjson.ParseMessage(wsjson.AppendMessage(nil, topic, v), deep)
		if err != nil || back != string([]rune(topic)) {
			t.Fatalf("topic %q is read as %q, %v", topic, back, err)
		}
	})
}

// Whatever is the data of a none is ignored if it is JSON, and refused if not.
func FuzzWhatIsJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `""`, `-0.5e+10`, `true`, `null`, `nan`, `-inf`, `01`, `1.`, `"\v\/\u00fc\ud800"`, "\"\x00\xff\"",
		`[1,{"a":[]}]`, `{"a":}`, `[1,]`, "\r\n\t 1", `"\x"`, `1}`, `1,"x":{"y":[]}`, `"\\v"`, `-nan`, `+1`, `.5`, `1e5`,
		strings.Repeat("[", 127) + strings.Repeat("]", 127), strings.Repeat("[", 128) + strings.Repeat("]", 128),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := append(append([]byte(`{"@data-type":"none","data":`), data...), '}')
		_, err := wsjson.ParseValue(text, wsjson.Limits{})
		if e, ok := errors.AsType[*wsjson.Error](err); ok && e.Reason == tooDeep {
			return
		}
		if want := json.Valid(strict(text)); (err == nil) != want {
			t.Fatalf("%q is JSON: %v, but: %v", text, want, err)
		}
	})
}

// strict replaces what the package takes although it is no JSON: raw control
// bytes and "\v" in strings, and Zeek's words for reals.
func strict(text []byte) []byte {
	words := strings.NewReplacer("-nan", "null", "nan", "null", "-inf", "null", "inf", "null")
	var out, outside strings.Builder
	flush := func() {
		out.WriteString(words.Replace(outside.String()))
		outside.Reset()
	}
	inside := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			flush()
			inside = !inside
			out.WriteByte(c)
		case !inside:
			outside.WriteByte(c)
		case c == '\\' && i+1 < len(text):
			i++
			if c = text[i]; c == 'v' {
				c = 'n'
			}
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ':
			out.WriteByte(' ')
		default:
			out.WriteByte(c)
		}
	}
	flush()
	return []byte(out.String())
}
