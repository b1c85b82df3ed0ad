package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

var update = flag.Bool("update", false, "rewrite golden files")

// conversation is one recorded run of zeek-client.
type conversation struct {
	Command  string
	Messages []struct{ From, Opcode, Text string }
}

// exchange is one request of a conversation and its response, as JSON.
type exchange struct{ request, response string }

func recorded(t *testing.T, name string) (files map[string]string, list []conversation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var recording struct {
		Files         map[string]string
		Conversations []conversation
	}
	if err := json.Unmarshal(text, &recording); err != nil {
		t.Fatal(err)
	}
	return recording.Files, recording.Conversations
}

// parts returns the ack of a conversation and its exchanges.
func (c conversation) parts() (ack string, list []exchange) {
	var request string
	for _, m := range c.Messages {
		switch {
		case m.Opcode != "text":
		case m.From == "server" && ack == "":
			ack = m.Text
		case m.From == "server":
			list = append(list, exchange{request, m.Text})
		default:
			request = m.Text
		}
	}
	return ack, list
}

// TestRecordedConversations runs each command against a controller that replays
// the answers of Zeek's controller. The command must send the same requests as
// zeek-client, and print the text of the golden file. Package dropin has the same
// test for the program under the name zeek-client.
func TestRecordedConversations(t *testing.T) {
	for _, name := range []string{"zeek-client.json", "zeek-client-two-instances.json"} {
		files, conversations := recorded(t, name)
		if files == nil {
			files = map[string]string{"": oneInstance}
		}
		for i, c := range conversations {
			title := fmt.Sprintf("%s-%02d", strings.TrimSuffix(name, ".json"), i)
			t.Run(title+" "+c.Command, func(t *testing.T) {
				ack, exchanges := c.parts()
				controller := replay(t, ack, exchanges)
				got := perform(t, controller.address, files, c.Command)
				for _, id := range controller.configIDs {
					got = strings.ReplaceAll(got, id, "CONFIGURATION-ID")
				}
				golden.Check(t, filepath.Join("testdata", "recorded", title+".txt"), got, *update)
			})
		}
	}
}

// oneInstance is the file with which zeek-client.json was recorded.
const oneInstance = `[instances]
instance-1

[manager]
instance = instance-1
role = manager

[logger]
instance = instance-1
role = logger

[worker-01]
instance = instance-1
role = worker
interface = lo

[worker-02]
instance = instance-1
role = worker
interface = lo
`

// perform runs a command, and returns its output on both streams and its status.
func perform(t *testing.T, address string, files map[string]string, command string) string {
	t.Helper()
	return performIn(t, address, files, command, show.Settings{})
}

// performIn is perform with output in another form.
func performIn(t *testing.T, address string, files map[string]string, command string, out show.Settings) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := commands(t, "--controller="+address, &stdout, &stderr)
	if c.Settings.Host != host || strconv.Itoa(c.Settings.Port) != port {
		t.Fatalf("settings name %s:%d, want %s", c.Settings.Host, c.Settings.Port, address)
	}
	c.Output = out
	words := strings.Fields(command)[1:]
	file := func() string {
		c.Stdin = strings.NewReader(files[strings.Join(words[1:], "")])
		return "-"
	}
	ctx := t.Context()
	var status int
	switch words[0] {
	case "deploy-config":
		status = c.DeployConfig(ctx, file())
	case "stage-config":
		status = c.StageConfig(ctx, file())
	case "deploy":
		status = c.Deploy(ctx)
	case "get-config":
		status = c.GetConfig(ctx, cli.ConfigRequest{
			Deployed: slices.Contains(words, "--deployed"), AsJSON: slices.Contains(words, "--as-json"),
		})
	case "get-instances":
		status = c.GetInstances(ctx)
	case "get-nodes":
		status = c.GetNodes(ctx)
	case "get-id-value":
		status = c.GetIDValue(ctx, words[1], words[2:])
	case "restart":
		status = c.Restart(ctx, words[1:])
	default:
		t.Fatalf("no such command: %s", command)
	}
	return fmt.Sprintf("$ %s\n%s", command, report(&stdout, &stderr, status))
}

func report(stdout, stderr fmt.Stringer, status int) string {
	return fmt.Sprintf("%s-- stderr --\n%s-- status --\n%d\n", stdout, stderr, status)
}

// commands returns commands with settings for the controller that flag names.
func commands(t *testing.T, controller string, stdout, stderr *bytes.Buffer) *cli.Commands {
	t.Helper()
	s, warnings, err := cli.ResolveSettings(cli.SettingsSources{
		LookupEnv:  func(string) (string, bool) { return "", false },
		Controller: strings.TrimPrefix(controller, "--controller="),
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("ResolveSettings: %v, warnings %q", err, warnings)
	}
	return &cli.Commands{
		Settings: s, Log: &cli.Log{Out: stderr, Program: "zeekfleet"}, Stdin: strings.NewReader(""), Stdout: stdout,
		Hostname: "host-1", AppName: "test",
	}
}

// replayed is a controller that answers each request with a recorded response,
// under the request's own IDs.
type replayed struct {
	address   string
	configIDs []string // the IDs of configurations in the requests
	recorded  []string // the IDs at the same places in zeek-client's requests
}

func replay(t *testing.T, ack string, exchanges []exchange) *replayed {
	t.Helper()
	r := &replayed{}
	server := httptest.NewServer(r.handler(t, ack, exchanges))
	t.Cleanup(server.Close)
	r.address = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *replayed) handler(t *testing.T, ack string, exchanges []exchange) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v1/messages/json" || req.Header.Get("X-Application-Name") != "test" {
			t.Errorf("upgrade of %s by %q", req.URL, req.Header.Get("X-Application-Name"))
		}
		ws, err := websocket.Accept(w, req, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer ws.CloseNow()
		ctx, cancel := context.WithTimeout(req.Context(), 10*time.Second)
		defer cancel()
		if topics := receive(ctx, t, ws); topics != `["zeek/management/controller"]` {
			t.Errorf("topics: %s", topics)
		}
		send(ctx, t, ws, ack)
		for _, x := range exchanges {
			send(ctx, t, ws, r.answer(t, x, receive(ctx, t, ws)))
		}
		for {
			_, text, err := ws.Read(ctx)
			if err == nil { // to suggest the nearest node, commands ask which there are
				send(ctx, t, ws, nothingDeployed(t, string(text)))
				continue
			}
			if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
				t.Errorf("the client left with %v, want a proper close", err)
			}
			return
		}
	}
}

// nothingDeployed answers a request for the deployed configuration.
func nothingDeployed(t *testing.T, request string) string {
	t.Helper()
	parsed, err := wsjson.Parse([]byte(request), wsjson.Limits{})
	if err != nil {
		t.Errorf("request %s: %v", request, err)
		return ""
	}
	data := parsed.(wsjson.Data)
	msg, err := codec.Decode(data.Value)
	req, ok := msg.(mgmt.GetConfigurationRequest)
	if err != nil || !ok || !req.Deployed {
		t.Errorf("one request too many: %s", request)
	}
	answer := mgmt.GetConfigurationResponse{ReqID: req.ReqID, Result: mgmt.Result{ReqID: req.ReqID, Error: "no deployed configuration available"}}
	return string(wsjson.AppendMessage(nil, data.Topic, codec.Encode(answer)))
}

func receive(ctx context.Context, t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	_, text, err := ws.Read(ctx)
	if err != nil {
		t.Errorf("controller: %v", err)
	}
	return string(text)
}

func send(ctx context.Context, t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Errorf("controller: %v", err)
	}
}

// answer checks a request against the recorded one, and returns the recorded
// response to it.
func (r *replayed) answer(t *testing.T, x exchange, request string) string {
	t.Helper()
	want, wantIDs := withoutIDs(t, x.request)
	got, gotIDs := withoutIDs(t, request)
	options := []gocmp.Option{
		cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name }),
		cmpopts.SortSlices(func(a, b mgmt.Instance) bool { return a.Name < b.Name }),
		cmpopts.SortSlices(func(a, b mgmt.NodeName) bool { return a < b }),
		cmpopts.EquateComparable(mgmt.UnknownHost), cmpopts.EquateEmpty(),
	}
	if diff := gocmp.Diff(want, got, options...); diff != "" {
		t.Errorf("request differs from zeek-client's (-want +got):\n%s", diff)
	}
	if len(gotIDs) > 1 {
		r.configIDs, r.recorded = append(r.configIDs, gotIDs[1]), append(r.recorded, wantIDs[1])
	}
	response := x.response
	for i, id := range r.recorded {
		response = strings.ReplaceAll(response, id, r.configIDs[i])
	}
	for i := range min(len(wantIDs), len(gotIDs)) {
		response = strings.ReplaceAll(response, wantIDs[i], gotIDs[i])
	}
	return response
}

// withoutIDs returns a request without the IDs that its sender chose, and the
// IDs.
func withoutIDs(t *testing.T, text string) (mgmt.Message, []string) {
	t.Helper()
	parsed, err := wsjson.Parse([]byte(text), wsjson.Limits{})
	if err != nil {
		t.Errorf("request %s: %v", text, err)
		return nil, nil
	}
	msg, err := codec.Decode(parsed.(wsjson.Data).Value)
	if err != nil {
		t.Errorf("request %s: %v", text, err)
		return nil, nil
	}
	req, ok := msg.(mgmt.Request)
	if !ok {
		t.Errorf("unexpected request %T", msg)
		return nil, nil
	}
	ids := []string{cmp.Or(string(req.RequestID()), "no ID")}
	if m, ok := req.(mgmt.StageConfigurationRequest); ok {
		ids = append(ids, m.Config.ID)
		m.Config.ID = ""
		req = m
	}
	without := reflect.New(reflect.TypeOf(req)).Elem()
	without.Set(reflect.ValueOf(req))
	without.FieldByName("ReqID").SetZero()
	return without.Interface().(mgmt.Message), ids
}
