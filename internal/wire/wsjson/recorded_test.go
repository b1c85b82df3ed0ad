package wsjson_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../testdata/vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
}

// A vector is one event, as Zeek sent it to a peer and to a client.
type vector struct {
	Name    string
	Topic   string
	Payload string `json:"payload_hex"`
	Text    string `json:"websocket_json"`
	TextHex string `json:"websocket_hex"` // where the text is not UTF-8
}

func recorded(t testing.TB) []vector {
	t.Helper()
	var file struct{ Vectors []vector }
	readVectors(t, "values.json", &file)
	if len(file.Vectors) != 74 {
		t.Fatalf("%d vectors, want 74", len(file.Vectors))
	}
	return file.Vectors
}

// both returns the value that was sent to the peer, and the text for the
// client. To clients, Zeek does not send the empty metadata that ends an event
// for peers.
func (vec vector) both(t testing.TB) (v zval.Value, text []byte) {
	t.Helper()
	payload, err := hex.DecodeString(vec.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if v, err = native.Decode(payload, native.Limits{}); err != nil {
		t.Fatal(err)
	}
	message, _ := v.Vector()
	event, _ := message[2].Vector()
	if metadata, ok := event[2].Vector(); !ok || len(metadata) != 0 {
		t.Fatal("the event has metadata")
	}
	v = zval.Vector(message[0], message[1], zval.Vector(event[0], event[1]))
	if vec.Text != "" {
		return v, []byte(vec.Text)
	}
	if text, err = hex.DecodeString(vec.TextHex); err != nil {
		t.Fatal(err)
	}
	return v, text
}

func TestOurTextIsZeeksWhereThatIsJSON(t *testing.T) {
	same := 0
	for _, vec := range recorded(t) {
		t.Run(vec.Name, func(t *testing.T) {
			v, zeeks := vec.both(t)
			ours := wsjson.AppendMessage(nil, vec.Topic, v)
			if !json.Valid(ours) {
				t.Errorf("ours is no JSON: %s", ours)
			}
			if json.Valid(zeeks) {
				same++
				if !bytes.Equal(ours, zeeks) {
					t.Errorf("ours  %s\nZeek's %s", ours, zeeks)
				}
			}
			topic, back, err := wsjson.ParseMessage(ours, wsjson.Limits{})
			if err != nil || topic != vec.Topic || !zval.Equal(back, lossy(t, v)) {
				t.Errorf("ours is read as %s on %q, %v", wsjson.AppendValue(nil, back), topic, err)
			}
		})
	}
	if same != 73 {
		t.Errorf("%d texts of Zeek's are JSON, want all but the one that holds raw bytes", same)
	}
}

func TestZeeksTextMeansWhatItSentToPeers(t *testing.T) {
	for _, vec := range recorded(t) {
		t.Run(vec.Name, func(t *testing.T) {
			v, text := vec.both(t)
			topic, got, err := wsjson.ParseMessage(text, wsjson.Limits{})
			if err != nil || topic != vec.Topic {
				t.Fatalf("topic %q, %v", topic, err)
			}
			want := v
			if vec.Text != "" { // else it holds raw bytes, which lose nothing
				want = lossy(t, v)
			}
			if !zval.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", wsjson.AppendValue(nil, got), wsjson.AppendValue(nil, want))
			}
		})
	}
}

// conversations returns the text messages of all clients and of all servers in
// the recorded conversations of zeek-client, without the pings and pongs.
func conversations(t testing.TB) (client, server []string) {
	t.Helper()
	for _, name := range []string{"zeek-client.json", "zeek-client-two-instances.json"} {
		var file struct {
			Conversations []struct {
				Messages []struct{ From, Opcode, Text string }
			}
		}
		readVectors(t, name, &file)
		for _, c := range file.Conversations {
			for _, m := range c.Messages {
				switch {
				case m.Opcode != "text":
				case m.From == "client":
					client = append(client, m.Text)
				default:
					server = append(server, m.Text)
				}
			}
		}
	}
	if len(client) == 0 || len(server) == 0 {
		t.Fatal("no conversations")
	}
	return client, server
}

func TestWhatZeekClientSendsIsRead(t *testing.T) {
	client, _ := conversations(t)
	for _, text := range client {
		if text[0] == '[' {
			prefixes, err := wsjson.ParseTopics([]byte(text), wsjson.Limits{})
			if err != nil || len(prefixes) != 1 || prefixes[0] != topic {
				t.Errorf("%s is read as %q, %v", text, prefixes, err)
			}
			continue
		}
		got, v, err := wsjson.ParseMessage([]byte(text), wsjson.Limits{})
		if err != nil || got != topic || v.Kind() != zval.KindVector {
			t.Errorf("%s is read as a %v on %q, %v", text, v.Kind(), got, err)
		}
	}
}

func TestWhatZeeksControllerSendsComesBackAsTheSameText(t *testing.T) {
	_, server := conversations(t)
	for _, text := range server {
		m, err := wsjson.Parse([]byte(text), wsjson.Limits{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(appendAny(m)); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}

// appendAny returns the text of m.
func appendAny(m wsjson.Message) []byte {
	switch m := m.(type) {
	case wsjson.Ack:
		return wsjson.AppendAck(nil, m)
	case wsjson.Failure:
		return wsjson.AppendFailure(nil, m)
	case wsjson.Data:
		return wsjson.AppendMessage(nil, m.Topic, m.Value)
	}
	return nil
}
