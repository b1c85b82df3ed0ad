package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// happened are events of each kind.
var happened = []api.Event{
	{Seq: 1, Time: noon, Kind: "controller", Cause: "the controller has started v1"},
	{Seq: 2, Time: noon, Kind: "instance", Instance: "sensor-1", From: "ABSENT", To: "READY", Cause: "its agent takes part in the cluster"},
	{Seq: 3, Time: noon, Kind: "operation", Operation: 7, To: "running", Who: "ann", Cause: "deploy: more workers"},
	{Seq: 4, Time: noon, Kind: "revision", Revision: 12, Who: "ann", Cause: "revision 12 is deployed"},
	{Seq: 5, Time: noon, Kind: "step", Operation: 7, Instance: "sensor-1", Node: "w-1", From: "running", To: "done", Who: "ann", Cause: "start"},
	{Seq: 6, Time: noon, Heard: noon.Add(time.Hour), Kind: "node", Instance: "sensor-1", Node: "w-1", From: "RUNNING", To: "CRASHED", PID: 4711, Cause: "killed by SIGKILL\x1b[2J"},
	{Seq: 9, Time: noon, Heard: noon, Kind: "lost", Instance: "sensor-1", Cause: "2 happenings of this instance are missing: its agent has them no more"},
}

// teller answers requests for events, and streams what it is told to.
func teller(t *testing.T, list []api.Event, stream http.HandlerFunc) (address string, asked *[]string) {
	asked = new([]string)
	mux := http.NewServeMux()
	mux.HandleFunc(api.PathEvents, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.RawQuery)
		w.Header().Set("Server", "zeekfleet")
		json.NewEncoder(w).Encode(api.Page[api.Event]{Items: list})
	})
	mux.HandleFunc(api.PathEventStream, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, "stream "+r.URL.RawQuery)
		w.Header().Set("Server", "zeekfleet")
		stream(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), asked
}

func TestEventsAsATableAndAsLines(t *testing.T) {
	address, asked := teller(t, happened, nil)
	a, stdout, _ := admin(t, address)
	a.Output.Format = show.AsTable
	f := cli.Fleet{Commands: a.Commands}
	if status := f.Events(t.Context(), cli.EventsRequest{Node: "w-1"}); status != cli.StatusDone {
		t.Fatalf("status %d", status)
	}
	at := noon.UTC().Format("2006-01-02 15:04:05")
	want := strings.ReplaceAll(`TIME (UTC)           WHAT                       STATE              WHO  PID   WHY
NOW  controller                 -                  -    -     the controller has started v1
NOW  instance sensor-1          ABSENT → READY     -    -     its agent takes part in the cluster
NOW  operation 7                begun              ann  -     deploy: more workers
NOW  revision 12                -                  ann  -     revision 12 is deployed
NOW  operation 7: w-1@sensor-1  started            ann  -     -
NOW  w-1@sensor-1               RUNNING → CRASHED  -    4711  killed by SIGKILL?[2J (the controller heard of it at LATER)
NOW  sensor-1                   -                  -    -     2 happenings of this instance are missing: its agent has them no more
`, "NOW", at)
	want = strings.ReplaceAll(want, "LATER", noon.Add(time.Hour).UTC().Format("2006-01-02 15:04:05"))
	if got := stdout.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprint(*asked); got != "[limit=1 limit=50&node=w-1]" {
		t.Errorf("asked %s", got)
	}
	stdout.Reset()
	a.Output.Format = show.AsJSON
	f.Events(t.Context(), cli.EventsRequest{Lines: 3, Since: noon, Kind: "node"})
	var events []api.Event
	for d := json.NewDecoder(strings.NewReader(stdout.String())); d.More(); {
		var e api.Event
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != len(happened) || strings.Contains(stdout.String(), "\x1b") || strings.Count(stdout.String(), "\n") != len(happened) {
		t.Errorf("as lines:\n%s", stdout)
	}
}

// TestFollowedEventsGoOnAfterARestart has a controller that cuts the stream, refuses, and ends
// it with a word. Each time the next stream begins after the last event.
func TestFollowedEventsGoOnAfterARestart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	streams := 0
	address, asked := teller(t, happened[:1], func(w http.ResponseWriter, r *http.Request) {
		switch streams++; streams {
		case 1:
			io.WriteString(w, "retry: 1\n\nid: 2\ndata: {\"seq\":2,\"kind\":\"node\",\"node\":\"w-1\",\"time\":\"2026-11-30T12:00:00Z\"}\n\n: quiet\nid: 5\n\nid: 6\ndata: {\"se")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"status":503,"detail":"not yet"}`)
		case 3:
			io.WriteString(w, "id: 6\ndata: {\"seq\":6,\"kind\":\"node\",\"node\":\"w-1\",\"time\":\"2026-11-30T12:00:00Z\"}\n\nevent: end\ndata: {\"reason\":\"it is read too slowly\"}\n\n")
		case 4:
			cancel()
			<-r.Context().Done()
		}
	})
	a, stdout, stderr := admin(t, address)
	a.Output.Format = show.AsJSON
	status := cli.Fleet{Commands: a.Commands}.Events(ctx, cli.EventsRequest{Node: "w-1", Follow: true, Pause: time.Microsecond})
	got := strings.Count(stdout.String(), `"seq":2,`) + strings.Count(stdout.String(), `"seq":6,`)
	if status != cli.StatusDone || got != 2 || strings.Count(stdout.String(), "\n") != 3 {
		t.Errorf("status %d, stdout:\n%s", status, stdout)
	}
	if got := fmt.Sprint((*asked)[2:]); got != "[stream after=1&node=w-1 stream after=5&node=w-1 stream after=5&node=w-1 stream after=6&node=w-1]" {
		t.Errorf("asked %s", got)
	}
	if said := stderr.String(); strings.Count(said, "go on when the controller is back") != 2 || strings.Count(said, "is back\n") != 3 {
		t.Errorf("said:\n%s", said)
	}
}

func TestFollowedEventsEndWithARefusal(t *testing.T) {
	address, _ := teller(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, `{"status":429,"detail":"ann has 16 event streams already: end one of them"}`)
	})
	a, _, stderr := admin(t, address)
	status := cli.Fleet{Commands: a.Commands}.Events(t.Context(), cli.EventsRequest{Follow: true})
	if status != cli.StatusFailed || stderr.String() != "zeekfleet: ann has 16 event streams already: end one of them\n" {
		t.Errorf("status %d, said %s", status, stderr)
	}
}
