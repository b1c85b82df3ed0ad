package daemon_test

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	framing "github.com/coder/websocket"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// conversation is one zeek-client command as it was recorded.
type conversation struct {
	Command  string
	Messages []struct {
		From, Opcode, Text, HTTP string
	}
}

// exchange is one request of a conversation, verbatim, and Zeek's response.
type exchange struct {
	request  string
	response mgmt.Message
}

func recordedConversations(t *testing.T, file string) []conversation {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata/vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Conversations []conversation }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Conversations
}

// exchanges returns the topic array of a conversation, and its requests with
// their responses.
func (c conversation) exchanges(t *testing.T) (topics string, all []exchange) {
	t.Helper()
	acked := false
	for _, m := range c.Messages {
		switch {
		case m.Opcode != "text":
		case m.From == "client" && topics == "":
			topics = m.Text
		case m.From == "client":
			all = append(all, exchange{request: m.Text})
		case !acked:
			acked = true
		default:
			all[len(all)-1].response = parse(t, m.Text)
		}
	}
	return topics, all
}

func parse(t *testing.T, text string) mgmt.Message {
	t.Helper()
	_, v, err := wsjson.ParseMessage([]byte(text), wsjson.Limits{})
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	msg, err := codec.Decode(v)
	if err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return msg
}

// ago is what the text about a crash ends with.
var ago = regexp.MustCompile(` \(\d+s ago\)$`)

// comparable makes two responses comparable that differ only in what may
// differ: request IDs of inner legs, PIDs, and the order of results.
var comparable = gocmp.Options{
	cmpopts.IgnoreFields(mgmt.Result{}, "ReqID"),
	gocmp.FilterPath(func(p gocmp.Path) bool { return p.Last().String() == ".PID" },
		gocmp.Comparer(func(a, b *int64) bool { return (a == nil) == (b == nil) })),
	gocmp.FilterPath(func(p gocmp.Path) bool { return p.Last().String() == ".Error" },
		gocmp.Comparer(func(a, b string) bool { return ago.ReplaceAllString(a, "") == ago.ReplaceAllString(b, "") })),
	cmpopts.SortSlices(func(a, b mgmt.Result) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Error, b.Error))
	}),
	cmpopts.SortSlices(func(a, b mgmt.NodeStatus) int { return cmp.Compare(a.Node, b.Node) }),
	cmpopts.EquateEmpty(),
	cmpopts.EquateComparable(netip.Addr{}),
}

// better says what our controller answers where it is deliberately better than
// what was recorded: it edits Zeek's response into ours.
type better map[string]func(mgmt.Message) mgmt.Message

// replay sends every request of a conversation verbatim and compares what comes
// back with the recording.
func replay(t *testing.T, address string, c conversation, differences better) {
	t.Helper()
	conn, _, err := framing.Dial(t.Context(), "ws://"+address+websocket.Path, nil)
	if err != nil {
		t.Fatalf("%s: dial: %v", c.Command, err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	send := func(text string) {
		t.Helper()
		if err := conn.Write(t.Context(), framing.MessageText, []byte(text)); err != nil {
			t.Fatalf("%s: send: %v", c.Command, err)
		}
	}
	receive := func() string {
		t.Helper()
		_, text, err := conn.Read(t.Context())
		if err != nil {
			t.Fatalf("%s: receive: %v", c.Command, err)
		}
		return string(text)
	}
	topics, exchanges := c.exchanges(t)
	send(topics)
	var ack struct{ Type, Endpoint, Version string }
	if err := json.Unmarshal([]byte(receive()), &ack); err != nil || ack.Type != "ack" || ack.Endpoint == "" || ack.Version == "" {
		t.Fatalf("%s: ack %+v, %v", c.Command, ack, err)
	}
	for _, ex := range exchanges {
		send(ex.request)
		got, want := parse(t, receive()), ex.response
		if edit, ok := differences[c.Command]; ok {
			want = edit(want)
		}
		if diff := gocmp.Diff(want, got, comparable); diff != "" {
			t.Errorf("%s: response differs from Zeek's (-want +got):\n%s", c.Command, diff)
		}
	}
}

func TestRecordedConversationsWithOneInstance(t *testing.T) {
	cluster := startCluster(t)
	cluster.startAgent("instance-1")
	for _, c := range recordedConversations(t, "zeek-client.json") {
		replay(t, cluster.clients, c, nil)
	}
}

func TestRecordedConversationsWithTwoInstances(t *testing.T) {
	cluster := startCluster(t)
	differences := better{
		// Cluster::nodes is what only a Zeek has.
		"zeek-client get-id-value Cluster::nodes worker-02": func(m mgmt.Message) mgmt.Message {
			r := &m.(mgmt.GetIDValueResponse).Results[0]
			r.Success, r.Data, r.Error = false, nil, "unknown id"
			return m
		},
		// Zeek waits for its timeout and then says that something timed out; we
		// say at once which node failed, why, and what it printed (G-A7, G-A15).
		"zeek-client deploy-config fail.cfg": func(m mgmt.Message) mgmt.Message {
			deployed, ok := m.(mgmt.DeployResponse)
			if !ok {
				return m
			}
			deployed.Results = slices.DeleteFunc(deployed.Results, func(r mgmt.Result) bool { return r.Error == "request timed out" })
			for i, r := range deployed.Results {
				if r.Node == "worker-01" {
					deployed.Results[i].Error = "exit code 1"
					deployed.Results[i].Data = mgmt.NodeOutputs{Stderr: "fatal error: can't find does/not/exist"}
				}
			}
			return deployed
		},
	}
	conversations := recordedConversations(t, "zeek-client-two-instances.json")
	const withoutAgents = 7
	for i, c := range conversations {
		if i == withoutAgents {
			cluster.startAgent("instance-1")
			cluster.startAgent("instance-2")
		}
		if i == afterFailure {
			// Zeek still calls the failed node PENDING; it is CRASHED, has no process
			// (G-A10), and its instance says how it ended.
			differences[c.Command] = func(m mgmt.Message) mgmt.Message {
				for i, r := range m.(mgmt.GetNodesResponse).Results {
					if r.Instance == "instance-1" {
						m.(mgmt.GetNodesResponse).Results[i].Error =
							"node worker-01 crashed: exit code 1; it printed: fatal error: can't find does/not/exist"
					}
					for i, n := range r.Data.(mgmt.NodeStatuses) {
						if n.Node == "worker-01" {
							r.Data.(mgmt.NodeStatuses)[i].State = mgmt.Crashed
							r.Data.(mgmt.NodeStatuses)[i].PID = nil
						}
					}
				}
				return m
			}
		}
		replay(t, cluster.clients, c, differences)
	}
}

// afterFailure is the get-nodes that follows the deployment of fail.cfg.
const afterFailure = 18
