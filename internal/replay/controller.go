package replay

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// Exchange is one request of a client, and what the controller sends then.
type Exchange struct {
	// Request is zeek-client's request as JSON. The client's must be equivalent: equal but
	// for IDs and for the order of sets. Empty accepts any request.
	Request string
	// Response is the answer to Request as JSON. It gets the IDs of the client's request.
	Response string
	// Answer, if not nil, returns what to send in place of Response, message by message.
	Answer func(mgmt.Request) []string
	// Leave makes the controller end the connection in place of an answer.
	Leave bool
}

// Controller is a controller that replays exchanges to each of its clients.
type Controller struct {
	// Ack is the controller's first message. Empty means one of Zeek 8.2.2.
	Ack string
	// Sends are texts that the controller sends behind its ack.
	Sends []string
	// Leaves is the number of clients that it leaves behind Sends.
	Leaves    int
	Exchanges []Exchange
	// App is the name of the program that must connect. Empty means any program. A
	// program with a name must close the connection as RFC 6455 demands.
	App string
	// Listener is where Start listens. Nil means at a port that the kernel chooses.
	Listener net.Listener

	// Address is the host:port of a controller that Start has started.
	Address string
	// Stop ends a controller that Start has started, and does not return before its
	// clients are gone. It may be called more than once.
	Stop func()

	mu        sync.Mutex
	configIDs []string // of configurations in the requests
	recorded  []string // the IDs at the same places in zeek-client's requests
	requests  []string
}

// Start starts the controller, until the test ends.
func (c *Controller) Start(t testing.TB) *Controller {
	t.Helper()
	server := httptest.NewUnstartedServer(c.Handler(t))
	if c.Listener != nil {
		server.Listener.Close()
		server.Listener = c.Listener
	}
	server.Start()
	t.Cleanup(server.Close)
	c.Stop = server.Close
	c.Address = strings.TrimPrefix(server.URL, "http://")
	return c
}

// StartTLS is Start with TLS. It also returns the controller's certificate, which its own
// key has signed. The controller asks for the certificate of the client, and takes any.
func (c *Controller) StartTLS(t testing.TB) (certificate []byte) {
	t.Helper()
	server := httptest.NewUnstartedServer(c.Handler(t))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // would hold the handshakes that tests make fail
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	c.Stop = server.Close
	c.Address = strings.TrimPrefix(server.URL, "https://")
	return server.Certificate().Raw
}

// ConfigIDs returns the IDs of the configurations that clients have staged.
func (c *Controller) ConfigIDs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.configIDs...)
}

// Requests returns the requests of clients in Zeek's JSON form, without the IDs that
// clients choose, and with sorted sets.
func (c *Controller) Requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.requests...)
}

// note keeps a request for Requests, and the ID of its configuration.
func (c *Controller) note(t testing.TB, text string) {
	without, ids := withoutIDs(t, text)
	if without == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, Message(without))
	if len(ids) > 1 {
		c.configIDs = append(c.configIDs, ids[1])
	}
}

// defaultAck is the ack of a controller without recording.
const defaultAck = `{"type":"ack","endpoint":"0a1b2c3d-0000-0000-0000-000000000000","version":"8.2.2"}`

// Handler returns the controller as a handler of HTTP requests. The test waits in the end until
// each client has left: servers of net/http do not wait for connections that were taken over.
func (c *Controller) Handler(t testing.TB) http.HandlerFunc {
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	return func(w http.ResponseWriter, req *http.Request) {
		serving.Add(1)
		defer serving.Done()
		if app := req.Header.Get("X-Application-Name"); req.URL.Path != "/v1/messages/json" || c.App != "" && app != c.App {
			t.Errorf("upgrade of %s by %q", req.URL, app)
		}
		ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer ws.CloseNow()
		ctx, cancel := context.WithTimeout(req.Context(), time.Minute)
		defer cancel()
		if topics, _ := receive(ctx, ws); topics != `["zeek/management/controller"]` {
			t.Errorf("topics: %s", topics)
		}
		send(ctx, t, ws, cmp.Or(c.Ack, defaultAck))
		for _, text := range c.Sends {
			send(ctx, t, ws, text)
		}
		if c.leaves() {
			return
		}
		for _, x := range c.Exchanges {
			request, ok := receive(ctx, ws)
			if !ok {
				return // the client does not like the ack
			}
			c.note(t, request)
			if x.Leave {
				return
			}
			for _, text := range c.answer(t, x, request) {
				send(ctx, t, ws, text)
			}
		}
		c.finish(ctx, t, ws)
	}
}

// leaves reports whether the controller leaves this client.
func (c *Controller) leaves() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Leaves--
	return c.Leaves >= 0
}

// finish waits until the client leaves.
func (c *Controller) finish(ctx context.Context, t testing.TB, ws *websocket.Conn) {
	for {
		_, text, err := ws.Read(ctx)
		if err == nil { // to suggest the nearest node, commands ask which there are
			send(ctx, t, ws, nothingDeployed(t, string(text)))
			continue
		}
		if c.App != "" && websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the client left with %v, want a proper close", err)
		}
		return
	}
}

// nothingDeployed answers a request for the deployed configuration.
func nothingDeployed(t testing.TB, text string) string {
	t.Helper()
	req, ok := parse(t, text).(mgmt.GetConfigurationRequest)
	if !ok || !req.Deployed {
		t.Errorf("one request too many: %s", text)
	}
	return Message(mgmt.GetConfigurationResponse{
		ReqID: req.ReqID, Result: mgmt.Result{ReqID: req.ReqID, Error: "no deployed configuration available"},
	})
}

// topic is the topic of the controller's API.
const topic = "zeek/management/controller"

// Message returns the text of the message that carries m.
func Message(m mgmt.Message) string {
	return string(wsjson.AppendMessage(nil, topic, codec.Encode(m)))
}

func receive(ctx context.Context, ws *websocket.Conn) (text string, ok bool) {
	_, b, err := ws.Read(ctx)
	return string(b), err == nil
}

func send(ctx context.Context, t testing.TB, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil && ctx.Err() == nil {
		t.Logf("the client left before this could be sent: %s", text)
	}
}

// answer returns what to send in answer to a request.
func (c *Controller) answer(t testing.TB, x Exchange, request string) []string {
	t.Helper()
	if x.Answer != nil {
		req, ok := parse(t, request).(mgmt.Request)
		if !ok {
			return nil
		}
		return x.Answer(req)
	}
	want, wantIDs := withoutIDs(t, x.Request)
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(wantIDs) > 1 {
		c.recorded = append(c.recorded, wantIDs[1])
	}
	response := x.Response
	for i, id := range c.recorded[:min(len(c.recorded), len(c.configIDs))] {
		response = strings.ReplaceAll(response, id, c.configIDs[i])
	}
	for i := range min(len(wantIDs), len(gotIDs)) {
		response = strings.ReplaceAll(response, wantIDs[i], gotIDs[i])
	}
	return []string{response}
}

// parse returns the message in a client's text. It fails the test, and returns nil, if
// there is none.
func parse(t testing.TB, text string) mgmt.Message {
	t.Helper()
	parsed, err := wsjson.Parse([]byte(text), wsjson.Limits{})
	if err != nil {
		t.Errorf("request %s: %v", text, err)
		return nil
	}
	data, ok := parsed.(wsjson.Data)
	if !ok {
		t.Errorf("request %s: no data", text)
		return nil
	}
	msg, err := codec.Decode(data.Value)
	if err != nil {
		t.Errorf("request %s: %v", text, err)
	}
	return msg
}

// withoutIDs returns a request without the IDs that its sender chose, and the
// IDs.
func withoutIDs(t testing.TB, text string) (mgmt.Message, []string) {
	t.Helper()
	req, ok := parse(t, text).(mgmt.Request)
	if !ok {
		t.Errorf("no request: %s", text)
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
