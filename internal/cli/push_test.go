package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// shakyShelf takes uploads as a controller does. breaks says what goes wrong with which part.
// A connection that breaks orders nothing: the next part has a goroutine of its own, hence the lock.
type shakyShelf struct {
	lock   sync.Mutex
	size   int64
	bytes  []byte
	parts  int
	breaks map[int]string
}

func (s *shakyShelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	answer := func() {
		json.NewEncoder(w).Encode(api.Upload{Offset: int64(len(s.bytes)), Complete: int64(len(s.bytes)) == s.size})
	}
	if r.Method == http.MethodPost {
		var in api.UploadRequest
		json.NewDecoder(r.Body).Decode(&in)
		s.size = in.Size
		answer()
		return
	}
	s.parts++
	offset, _ := strconv.Atoi(r.Header.Get(api.HeaderUploadOffset))
	if offset != len(s.bytes) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, `{"title":"Conflict","status":409,"detail":"go on at %d"}`, len(s.bytes))
		return
	}
	body, _ := io.ReadAll(r.Body)
	switch s.breaks[s.parts] {
	case "half":
		s.bytes = append(s.bytes, body[:len(body)/2]...)
		panic(http.ErrAbortHandler)
	case "answer":
		s.bytes = append(s.bytes, body...)
		panic(http.ErrAbortHandler)
	case "forget":
		s.bytes = nil
		panic(http.ErrAbortHandler)
	}
	s.bytes = append(s.bytes, body...)
	answer()
}

func TestPushGoesOnWhereItWasInterrupted(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), []byte(strings.Repeat("0123456789", 1_500_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := packDirectory("site", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for name, tt := range map[string]struct {
		breaks map[int]string
		parts  int
		fails  string
	}{
		"nothing happens":                {nil, 4, ""},
		"a part arrives in half":         {map[int]string{1: "half", 3: "half"}, 6, ""},
		"an answer is lost":              {map[int]string{2: "answer"}, 4, ""},
		"the answer to the end is lost":  {map[int]string{4: "answer"}, 4, ""},
		"the upload is forgotten":        {map[int]string{3: "forget"}, 7, ""},
		"it is forgotten time and again": {map[int]string{2: "forget", 4: "forget", 6: "forget", 8: "forget", 10: "forget"}, 10, "the controller loses what is sent to it"},
	} {
		s := &shakyShelf{breaks: tt.breaks}
		server := httptest.NewUnstartedServer(s)
		server.Config.ErrorLog = nil
		server.Start()
		c, err := api.New(api.Config{Address: server.Listener.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		f := Fleet{Commands: &Commands{Log: &Log{Out: io.Discard}, Stdout: io.Discard}}
		w := &pushing{ctx: t.Context(), client: c, pauseUnit: time.Millisecond, want: api.UploadRequest{Name: "site", Hash: string(p.contents.Hash), Size: p.contents.Size}}
		sent, err := f.pushWith(w, p)
		c.Close()
		server.Close()
		s.lock.Lock()
		if got := fmt.Sprint(err); !sent || (tt.fails == "") != (err == nil) || err != nil && got != tt.fails || s.parts != tt.parts {
			t.Errorf("%s: sent %v in %d parts, want %d; error %v", name, sent, s.parts, tt.parts, err)
		}
		if err == nil {
			if contents, err := packing.Verify(strings.NewReader(string(s.bytes)), p.contents.Hash, nil); err != nil || contents.Size != s.size {
				t.Errorf("%s: %d bytes arrived: %v", name, len(s.bytes), err)
			}
		}
		s.lock.Unlock()
	}
}

// On a terminal a line shows how much of a bundle is sent, and stays at the end.
func TestProgressOfAPush(t *testing.T) {
	p := packedBundle{name: "site", contents: bundle.Contents{Size: 10 << 20, Entries: make([]bundle.Entry, 2)}}
	var out, said strings.Builder
	f := Fleet{Commands: &Commands{Log: &Log{Out: &said, Program: "zeekfleet"}, Stdout: &out, Output: show.Settings{Format: show.AsTable, Screen: show.Screen{Terminal: true, Width: 80, Height: 24}}}}
	say := f.progress(p)
	say(5 << 20)
	say(5<<20 + 1) // too soon for another line
	say(10 << 20)
	want := "\rpushing bundle site [============            ] 5 MiB of 10 MiB\x1b[K\rpushing bundle site [========================] 10 MiB of 10 MiB\x1b[K\n"
	if out.String() != want || said.String() != "" {
		t.Errorf("got %q and %q, want %q", out.String(), said.String(), want)
	}
	out.Reset()
	f.Output.Screen.Terminal = false
	f.progress(p)(1)
	if want := "zeekfleet: pushing bundle site: 2 files, 10 MiB\n"; out.String() != "" || said.String() != want {
		t.Errorf("without a terminal: got %q and %q, want %q", out.String(), said.String(), want)
	}
}
