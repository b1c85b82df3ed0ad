package web_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// openLog opens a log of happenings that ends with the test.
func openLog(t testing.TB) *happenings.Log {
	t.Helper()
	l, err := happenings.Open(happenings.Config{Dir: t.TempDir(), MaxRecords: 4000, Recent: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// endedLog is a log that tells of its end whoever follows it.
func endedLog(t testing.TB) *happenings.Log {
	l := openLog(t)
	happen(t, l, 0, 1)
	l.Close()
	return l
}

// happen adds the happenings from one number up to another, of two nodes.
func happen(t testing.TB, l *happenings.Log, from, to int) {
	t.Helper()
	var list []happenings.Record
	for i := from; i < to; i++ {
		list = append(list, happenings.Record{Happening: mgmt.Happening{
			Time: time.Date(2025, 11, 30, 12, 0, i, 0, time.UTC), Kind: mgmt.HappenedNode, Instance: "sensor-1", Node: mgmt.NodeName(fmt.Sprint("w-", i%2)),
			From: "RUNNING", To: "CRASHED", Cause: "killed by SIGKILL", PID: int64(i + 1),
		}})
	}
	if err := l.Append(list); err != nil {
		t.Fatal(err)
	}
}

func TestEventsArePagedAndFiltered(t *testing.T) {
	l := openLog(t)
	happen(t, l, 0, 10)
	s := serve(t, web.Config{Happenings: l}, nil)
	for query, want := range map[string]string{
		"":                                   "1 2 3 4 5 6 7 8 9 10 next ",
		"?limit=3":                           "8 9 10 next ",
		"?after=2&limit=3":                   "3 4 5 next 5",
		"?after=8&limit=2":                   "9 10 next 10",
		"?node=w-1&after=3":                  "4 6 8 10 next ",
		"?instance=sensor-2":                 "next ",
		"?kind=revision":                     "next ",
		"?since=2025-11-30T12:00:08Z":        "9 10 next ",
		"?since=1ns":                         "next ",
		"?since=2025-11-30T14:00:08%2B02:00": "9 10 next ",
	} {
		answer, text := s.ask("GET", api.PathEvents+query, "viewer", "")
		var page api.Page[api.Event]
		if err := json.Unmarshal([]byte(text), &page); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", query, answer.Status, text)
		}
		var got strings.Builder
		for _, e := range page.Items {
			got.WriteString(fmt.Sprint(e.Seq, " "))
		}
		if got.WriteString("next " + page.Next); got.String() != want {
			t.Errorf("%s: got %s, want %s", query, got.String(), want)
		}
	}
	for query, want := range map[string]int{"?since=yesterday": 422, "?kind=nonsense": 422, "?limit=10001": 422, "?since=-1h": 422, "?nodes=x": 422} {
		if answer, text := s.ask("GET", api.PathEvents+query, "viewer", ""); answer.StatusCode != want {
			t.Errorf("%s: %s: %s", query, answer.Status, text)
		}
	}
	if answer, text := serve(t, web.Config{}, nil).ask("GET", api.PathEvents, "viewer", ""); answer.StatusCode != http.StatusNotImplemented {
		t.Errorf("without a log: %s: %s", answer.Status, text)
	}
}

// listener reads an event stream.
type listener struct {
	t      *testing.T
	conn   net.Conn
	answer *http.Response
	lines  *bufio.Scanner
}

// listen opens a stream, with further header lines.
func (s *site) listen(t *testing.T, query, bearer string, headers ...string) *listener {
	t.Helper()
	c := s.dial()
	lines := append([]string{
		"GET " + api.PathEventStream + query + " HTTP/1.1", "Host: " + s.addr, "Accept: text/event-stream", "Authorization: Bearer " + bearer,
	}, headers...)
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{t, c, answer, bufio.NewScanner(answer.Body)}
}

// next returns the next event: its number and its data. An event without data is only its
// number.
func (l *listener) next() string {
	l.t.Helper()
	var parts []string
	for l.lines.Scan() {
		line := l.lines.Text()
		switch {
		case line == "" && len(parts) > 0:
			return strings.Join(parts, " ")
		case strings.HasPrefix(line, "id: "), strings.HasPrefix(line, "event: "):
			_, value, _ := strings.Cut(line, ": ")
			parts = append(parts, value)
		case strings.HasPrefix(line, "data: "):
			var e struct{ Kind, Node, Reason, Cause string }
			if err := json.Unmarshal([]byte(line[6:]), &e); err != nil {
				l.t.Fatalf("%q: %v", line, err)
			}
			if e.Kind == "lost" {
				e.Reason = e.Cause
			}
			parts = append(parts, strings.TrimSpace(e.Kind+" "+e.Node+e.Reason))
		}
	}
	return "closed"
}

func (l *listener) expect(want ...string) {
	l.t.Helper()
	for _, w := range want {
		if got := l.next(); got != w {
			l.t.Fatalf("the stream says %q, want %q", got, w)
		}
	}
}

func TestStreamGoesOnWhereItBrokeOff(t *testing.T) {
	l := openLog(t)
	happen(t, l, 0, 4)
	s := serve(t, web.Config{Happenings: l}, nil)
	now := s.listen(t, "", "viewer")
	if got := now.answer.Header.Get("Content-Type"); got != "text/event-stream" || now.answer.StatusCode != http.StatusOK {
		t.Errorf("got %s of type %s", now.answer.Status, got)
	}
	happen(t, l, 4, 5)
	now.expect("5 node w-0")
	now.conn.Close()
	happen(t, l, 5, 7)
	again := s.listen(t, "", "viewer", "Last-Event-ID: 5")
	again.expect("6 node w-1", "7 node w-0")
	happen(t, l, 7, 8)
	again.expect("8 node w-1")
	s.listen(t, "?after=6&node=w-1", "viewer").expect("8 node w-1")
	s.listen(t, "?since=2025-11-30T12:00:06Z", "viewer").expect("7 node w-0", "8 node w-1")
	s.listen(t, "?after=2", "viewer", "Last-Event-ID: 6").expect("7 node w-0") // as a browser comes back
	s.listen(t, "", "viewer", "Last-Event-ID: 99").expect("1 node w-0")        // of a log that is gone
	if answer, text := s.ask("GET", api.PathEventStream, "viewer", "", "Last-Event-ID: x"); answer.StatusCode != 422 {
		t.Errorf("a number that is none: %s: %s", answer.Status, text)
	}
}

func TestStreamSaysWhatIsNotKeptAnyMore(t *testing.T) {
	l := openLog(t)
	for i := range 100 {
		happen(t, l, i*50, i*50+50)
	}
	s := serve(t, web.Config{Happenings: l}, nil)
	oldest := l.Oldest()
	if oldest < 100 {
		t.Fatalf("the oldest is %d", oldest)
	}
	s.listen(t, "", "viewer", "Last-Event-ID: 7").expect(
		fmt.Sprintf("lost the events 8 to %d are not kept any more", oldest-1), fmt.Sprintf("%d node w-%d", oldest, (oldest-1)%2))
}

func TestStreamOutlivesTheTimeForAnAnswerAndSaysThatItLives(t *testing.T) {
	// A stream must begin within the time for a request. A slow host gets more of it.
	for limit := 30 * time.Millisecond; !outlives(t, limit); limit *= 2 {
		if limit > patience.Limit/8 {
			t.Fatalf("no stream lives for four times %v", limit)
		}
	}
}

// outlives reports whether a stream lives for four times the time for a request, and says so all
// the while.
func outlives(t *testing.T, limit time.Duration) bool {
	t.Helper()
	l := openLog(t)
	happen(t, l, 0, 1)
	s := serve(t, web.Config{Happenings: l, Limits: web.Limits{ReadTimeout: limit, WriteTimeout: limit, MaxWait: time.Millisecond, StreamSilence: limit / 2}}, nil)
	c := s.dial()
	io.WriteString(c, "GET "+api.PathEventStream+"?node=nobody HTTP/1.1\r\nHost: "+s.addr+"\r\nAuthorization: Bearer viewer\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	stream := &listener{t, c, answer, bufio.NewScanner(answer.Body)}
	for range 8 {
		if stream.next() != "1" {
			return false
		}
	}
	happen(t, l, 1, 2)
	for got := "1"; got == "1"; {
		if got = stream.next(); got == "2" {
			return true
		}
	}
	return false
}

// One request searches only so much of the log. The client asks as often as is needed.
func TestEventsAreSearchedInParts(t *testing.T) {
	l, err := happenings.Open(happenings.Config{Dir: t.TempDir(), Recent: 10, SearchSegments: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	rare := []happenings.Record{{Happening: mgmt.Happening{Time: noon, Kind: mgmt.HappenedNode, Node: "rare"}}}
	for i, some := range [][]happenings.Record{rare, nil, rare} {
		if some == nil {
			happen(t, l, 0, 12_000)
		} else if err := l.Append(some); err != nil {
			t.Fatal(i, err)
		}
	}
	s := serve(t, web.Config{Happenings: l}, nil)
	var page api.EventPage
	if answer, text := s.ask("GET", api.PathEvents+"?node=rare", "viewer", ""); answer.StatusCode != http.StatusOK || json.Unmarshal([]byte(text), &page) != nil || page.Older == "" || len(page.Items) > 1 {
		t.Errorf("one request: %s: %s", answer.Status, text)
	}
	if answer, text := s.ask("GET", api.PathEvents+"?after=1&before=5", "viewer", ""); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("after and before: %s: %s", answer.Status, text)
	}
	for name, tt := range map[string]struct {
		q    api.EventQuery
		want []uint64
	}{
		"all":          {api.EventQuery{Node: "rare"}, []uint64{1, 12_002}},
		"the newest":   {api.EventQuery{Node: "rare", Limit: 1}, []uint64{12_002}},
		"after one":    {api.EventQuery{Node: "rare", After: 1}, []uint64{12_002}},
		"of nobody":    {api.EventQuery{Node: "nobody"}, nil},
		"limited":      {api.EventQuery{After: 11_999, Limit: 2}, []uint64{12_000, 12_001}},
		"after others": {api.EventQuery{Node: "nobody", After: 1}, nil},
	} {
		list, err := s.client("viewer").Events(t.Context(), tt.q)
		if err != nil {
			t.Fatal(name, err)
		}
		var got []uint64
		for _, e := range list {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
	stream := s.listen(t, "?node=rare&since=2000-01-01T00:00:00Z", "viewer")
	stream.expect("1 node rare", "12002 node rare")
}

func TestStreamsAreBounded(t *testing.T) {
	l := openLog(t)
	s := serve(t, web.Config{Happenings: l, Limits: web.Limits{MaxStreams: 3, MaxStreamsOfOne: 2, StreamSilence: 10 * time.Millisecond}}, nil)
	first := s.listen(t, "", "viewer")
	s.listen(t, "", "viewer")
	if answer, text := s.ask("GET", api.PathEventStream, "viewer", ""); answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" {
		t.Errorf("a third of one user: %s: %s", answer.Status, text)
	}
	third := s.listen(t, "", "operator")
	// A user who has none gets the oldest of the user who has most.
	if fourth := s.listen(t, "", "admin"); fourth.answer.StatusCode != http.StatusOK {
		t.Errorf("the first of another user: %s", fourth.answer.Status)
	}
	for got := ""; got != "closed"; got = first.next() {
		if strings.HasPrefix(got, "end ") && !strings.Contains(got, "gives way to another user") {
			t.Errorf("the oldest stream says %q", got)
		}
	}
	if answer, text := s.ask("GET", api.PathEventStream, "viewer", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("a second of a user, where all have one: %s: %s", answer.Status, text)
	}
	third.conn.Close()
	for { // the server notices at its next word
		if again := s.listen(t, "", "viewer"); again.answer.StatusCode == http.StatusOK {
			return
		}
	}
}

func TestStreamEndsWithTheRightsOfItsUser(t *testing.T) {
	l := openLog(t)
	var gone atomic.Bool
	authority := &office{}
	judge := func(bearer string) (mgmt.Principal, error) {
		if gone.Load() {
			return mgmt.Principal{}, errNobody
		}
		return who(bearer)
	}
	s := serve(t, web.Config{Happenings: l, Authority: authority}, func(c *web.Connection) { c.Who = judge })
	stream := s.listen(t, "", "viewer")
	happen(t, l, 0, 1)
	stream.expect("1 node w-0")
	gone.Store(true)
	authority.setRole("vic", mgmt.NoUser) // long before the next sign of life
	happen(t, l, 1, 2)
	stream.expect("end "+errNobody.Error(), "closed")
}

func TestStreamEndsWithTheControllerAndTheLog(t *testing.T) {
	l := openLog(t)
	s := serve(t, web.Config{Happenings: l}, nil)
	stream := s.listen(t, "", "viewer")
	s.stop(nil)
	stream.expect("end the controller ends, or the request", "closed")
	serve(t, web.Config{Happenings: endedLog(t)}, nil).listen(t, "", "viewer").expect("end the log of happenings is closed", "closed")
}

// TestReaderThatTakesNothingIsDropped fills the buffers of a connection whose other end
// reads nothing.
func TestReaderThatTakesNothingIsDropped(t *testing.T) {
	l := openLog(t)
	s := serve(t, web.Config{Happenings: l, Limits: web.Limits{MaxStreams: 1, StreamPatience: time.Second}}, nil)
	s.listen(t, "?after=1", "viewer")
	for i := 0; ; i++ {
		happen(t, l, i*100, i*100+100)
		if again := s.listen(t, "", "viewer"); again.answer.StatusCode == http.StatusOK {
			return // the place is free again
		}
	}
}
