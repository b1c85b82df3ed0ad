package codec_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

const vectors = "../../testdata/vectors"

func readVector(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
}

// recordedPayloads returns the payloads of all data messages of one recording.
func recordedPayloads(t testing.TB, name string) [][]byte {
	t.Helper()
	var file struct {
		Peerings []struct {
			Messages []struct{ Hex string }
		}
	}
	readVector(t, name, &file)
	var payloads [][]byte
	for _, p := range file.Peerings {
		for _, m := range p.Messages {
			frame, err := hex.DecodeString(m.Hex)
			if err != nil {
				t.Fatal(err)
			}
			// What the handshake consists of is no node message of type data.
			if msg, err := wire.DecodeMessage(frame[4:]); err == nil && msg.Type == wire.TypeData {
				payloads = append(payloads, msg.Payload)
			}
		}
	}
	return payloads
}

var recordings = map[string]int{ // and how many management events each holds
	"agent-controller.json":               22,
	"agent-controller-two-instances.json": 47,
	"node-agent.json":                     31,
}

func TestRecordedPeeringsComeBackAsTheSameBytes(t *testing.T) {
	for name, want := range recordings {
		t.Run(name, func(t *testing.T) {
			seen := 0
			for _, payload := range recordedPayloads(t, name) {
				v, err := native.Decode(payload, native.Limits{})
				if err != nil {
					t.Fatalf("decode %x: %v", payload, err)
				}
				e, err := wire.ParseEvent(v)
				if errors.Is(err, wire.ErrNotEvent) || err == nil && !isManagement(e.Name) {
					continue
				}
				seen++
				if got := native.Append(nil, reencode(t, v)); !bytes.Equal(got, payload) {
					t.Errorf("%s:\n got %x\nwant %x", e.Name, got, payload)
				}
			}
			if seen != want {
				t.Errorf("recording holds %d management events, want %d", seen, want)
			}
		})
	}
}

func isManagement(name string) bool { return strings.HasPrefix(name, "Management::") }

// reencode turns an event into a message and that into an event with the same
// metadata.
func reencode(t *testing.T, v zval.Value) zval.Value {
	t.Helper()
	before, err := wire.ParseEvent(v)
	if err != nil {
		t.Fatal(err)
	}
	m, err := codec.Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	if got := codec.Name(m); got != before.Name {
		t.Errorf("%T is called %s, want %s", m, got, before.Name)
	}
	after, err := wire.ParseEvent(codec.Encode(m))
	if err != nil {
		t.Fatal(err)
	}
	after.Meta = before.Meta
	return after.Value()
}

func TestRecordedConversationsDecode(t *testing.T) {
	for name, want := range map[string]int{"zeek-client.json": 24, "zeek-client-two-instances.json": 44} {
		t.Run(name, func(t *testing.T) {
			var file struct {
				Conversations []struct {
					Messages []struct{ Opcode, Text string }
				}
			}
			readVector(t, name, &file)
			seen := 0
			for _, c := range file.Conversations {
				for _, m := range c.Messages {
					if m.Opcode != "text" || !strings.Contains(m.Text, `"data-message"`) {
						continue
					}
					seen++
					_, v, err := wsjson.ParseMessage([]byte(m.Text), wsjson.Limits{})
					if err != nil {
						t.Fatalf("parse %s: %v", m.Text, err)
					}
					if got := reencode(t, v); !zval.Equal(got, v) {
						t.Errorf("came back as another event:\n got %s\nwant %s",
							wsjson.AppendValue(nil, got), wsjson.AppendValue(nil, v))
					}
				}
			}
			if seen != want {
				t.Errorf("recording holds %d events, want %d", seen, want)
			}
		})
	}
}

func TestRecordedDeployRequestMeansItsConfiguration(t *testing.T) {
	for _, payload := range recordedPayloads(t, "agent-controller-two-instances.json") {
		v, err := native.Decode(payload, native.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := codec.Decode(v)
		if req, ok := m.(mgmt.AgentDeployRequest); err == nil && ok {
			got, _ := req.Config.Node("worker-01")
			want := mgmt.Node{
				Name: "worker-01", Instance: "instance-1", Role: mgmt.Worker, State: mgmt.Running,
				Interface: new("lo"), CPUAffinity: new(int64(0)), Env: map[string]string{"FOO": "BAR"},
				MetricsPort: new(mgmt.TCPPort(9900)),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("worker-01 (-want +got):\n%s", diff)
			}
			return
		}
	}
	t.Fatal("no deploy_request in the recording")
}
