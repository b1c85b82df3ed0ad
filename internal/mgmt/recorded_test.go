package mgmt_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// recordedMessages returns the messages of the recording with two instances: first
// those between clients and controller, then those between controller and agents.
func recordedMessages(t *testing.T) []mgmt.Message {
	t.Helper()
	var messages []mgmt.Message
	add := func(v zval.Value, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := codec.Decode(v); err == nil { // else one of Zeek's other events
			messages = append(messages, m)
		}
	}
	for _, m := range recording(t, "zeek-client-two-instances.json") {
		if strings.Contains(m.Text, `"data-message"`) {
			_, v, err := wsjson.ParseMessage([]byte(m.Text), wsjson.Limits{})
			add(v, err)
		}
	}
	for _, m := range recording(t, "agent-controller-two-instances.json") {
		frame, err := hex.DecodeString(m.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if msg, err := wire.DecodeMessage(frame[4:]); err == nil && msg.Type == wire.TypeData {
			add(native.Decode(msg.Payload, native.Limits{}))
		}
	}
	return messages
}

type recorded struct{ Text, Hex string }

func recording(t *testing.T, name string) []recorded {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Conversations, Peerings []struct{ Messages []recorded }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for _, c := range append(file.Conversations, file.Peerings...) {
		all = append(all, c.Messages...)
	}
	return all
}
