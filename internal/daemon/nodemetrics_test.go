package daemon_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

func TestAnAgentPassesOnWhatItsNodeServesAndNothingElse(t *testing.T) {
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait() // the kill is no error
	}()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirection was followed") }))
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		pid    int
		// text is the answer, and err a part of the error.
		text, err string
	}{
		"a text":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("a 1\n")) }, text: "a 1\n"},
		"a page":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<script>")) }, text: "<script>"},
		"a redirection": {answer: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, err: "the answer is 302"},
		"an error":      {answer: http.NotFound, err: "the answer is 404"},
		"an end too soon": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("a 1\n"))
		}, text: "a 1\n", err: "unexpected EOF"},
		"too much": {answer: func(w http.ResponseWriter, _ *http.Request) {
			for line := []byte(strings.Repeat("a", 1<<20)); ; {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}, err: "more than 16777216 bytes"},
		"another process": {answer: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("a 1\n")) }, pid: other.Process.Pid, err: "listens there, and not the node"},
		"nothing":         {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, err: "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(patience.Context(t))
			defer cancel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if name == "nothing" {
					cancel()
				}
				tt.answer(w, r)
			}))
			defer server.Close()
			if tt.pid == 0 {
				tt.pid = os.Getpid()
			}
			var text strings.Builder
			err := daemon.PassMetrics(ctx, netip.MustParseAddrPort(server.Listener.Addr().String()), tt.pid, func(_ context.Context, p []byte) error {
				text.Write(p)
				return nil
			})
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got the error %v, want %q", err, tt.err)
			}
			if name != "too much" && text.String() != tt.text {
				t.Errorf("got %q, want %q", text.String(), tt.text)
			}
		})
	}
}

func TestAnAgentTellsItsOwnMetrics(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	text, err := c.ask(aViewer, "sensor-1", mgmt.StreamMetrics, mgmt.MetricsQuery{})
	for _, want := range []string{"zeekfleet_agent_controllers 1\n", "zeekfleet_agent_streams 1\n", `zeekfleet_agent_build_info{`} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%v: the text lacks %s", err, want)
		}
	}
	_, err = c.ask(aViewer, "sensor-1", mgmt.StreamMetrics, mgmt.MetricsQuery{Node: "../etc"})
	wantStreamError(t, err, mgmt.StreamNotFound, "has no node")
	if _, err = c.ask(mgmt.Principal{Name: "nobody"}, "sensor-1", mgmt.StreamMetrics, mgmt.MetricsQuery{}); err == nil {
		t.Error(errors.New("metrics were told to nobody"))
	}
}
