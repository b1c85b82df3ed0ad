package notify_test

import (
	"context"
	"encoding/json"
	"errors"
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

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

func openLog(t *testing.T) *happenings.Log {
	t.Helper()
	l, err := happenings.Open(happenings.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// fire writes alerts of nodes into a log: each fires.
func fire(t *testing.T, l *happenings.Log, from, to int) {
	t.Helper()
	var list []happenings.Record
	for i := from; i < to; i++ {
		list = append(list, alert(i, "", "firing", mgmt.AlertCritical))
	}
	if err := l.Append(list); err != nil {
		t.Fatal(err)
	}
}

func alert(i int, from, to string, severity mgmt.AlertSeverity) happenings.Record {
	return happenings.Record{Happening: mgmt.Happening{
		Time: time.Now(), Kind: mgmt.HappenedAlert, Instance: "a", Node: mgmt.NodeName(fmt.Sprintf("w-%d", i)), From: from, To: to,
		Cause: fmt.Sprintf("w-%d has crashed <&>", i), Alert: fmt.Sprintf("node-crashed/a/w-%d", i), Severity: severity,
	}}
}

// begin runs a Dispatcher until the test, or stop, ends it.
func begin(t *testing.T, cfg notify.Config) (d *notify.Dispatcher, stop func()) {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.FirstRetry == 0 {
		cfg.FirstRetry, cfg.LastRetry = time.Millisecond, 10*time.Millisecond
	}
	cfg.Controller = "controller-1"
	d, err := notify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return d, stop
}

// await waits until something is so of the receivers.
func await(t *testing.T, d *notify.Dispatcher, so func() bool) {
	t.Helper()
	for {
		changed := d.Changed()
		if so() {
			return
		}
		patience.Closed(t, changed, "the status of the receivers")
	}
}

// hook is a webhook that answers as a test says, and hands over what it has taken.
type hook struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request) bool // nil: takes everything
	taken  chan request
	mu     sync.Mutex
}

type request struct {
	header http.Header
	body   string
	notify.Message
}

func newHook(t *testing.T) *hook {
	h := &hook{taken: make(chan request, 10_000)}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Server.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	if answer != nil && !answer(w, r) {
		return
	}
	one := request{header: r.Header, body: string(body)}
	json.Unmarshal(body, &one.Message)
	h.taken <- one
}

// set changes how the webhook answers.
func (h *hook) set(answer func(http.ResponseWriter, *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// wantNodes reads the messages about nodes, in order.
func (h *hook) wantNodes(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if m := patience.Next(t, h.taken, "a message"); m.Node != fmt.Sprintf("w-%d", i) {
			t.Fatalf("got %+v, want that of w-%d", m.Message, i)
		}
	}
}

func receiver(name string, h *hook) notify.Receiver {
	return notify.Receiver{Name: name, Kind: mgmt.ReceiverWebhook, URL: h.URL + "/secret-token"}
}

func TestAMessageHasItsFieldsAndItsSignature(t *testing.T) {
	l, h := openLog(t), newHook(t)
	r := receiver("pager", h)
	r.Key = []byte("0123456789abcdef")
	begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}})
	fire(t, l, 0, 1)
	m := patience.Next(t, h.taken, "a message")
	if m.Version != 1 || m.Controller != "controller-1" || m.Seq != 1 || m.State != "firing" || m.Rule != "node-crashed" || m.Severity != "critical" ||
		m.ID != "node-crashed/a/w-0" || m.Instance != "a" || m.Text != "w-0 has crashed <&>" || !strings.Contains(m.Hint, "diag w-0") {
		t.Errorf("got %s", m.body)
	}
	stamp := m.header.Get(notify.HeaderTimestamp)
	if at, err := strconv.ParseInt(stamp, 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", stamp)
	}
	if got := m.header.Get(notify.HeaderSignature); got != notify.Sign(r.Key, stamp, []byte(m.body)) {
		t.Errorf("signature %q", got)
	}
}

// The receivers fail in every way, one after the other and beside one that is well. Nobody
// waits for them, and what they missed arrives in order once they are back.
func TestAReceiverThatFailsGetsEverythingInOrderOnceItIsBack(t *testing.T) {
	broken := map[string]func(http.ResponseWriter, *http.Request) bool{
		"fails": func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return false },
		"hangs": func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return false },
		"resets": func(w http.ResponseWriter, _ *http.Request) bool {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				c.Close()
			}
			return false
		},
		"is busy": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
			return false
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return false
		},
	}
	for name, answer := range broken {
		t.Run(name, func(t *testing.T) {
			l, bad, well := openLog(t), newHook(t), newHook(t)
			bad.set(answer)
			r := receiver("bad", bad)
			r.Timeout = 50 * time.Millisecond
			d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r, receiver("well", well)}})
			fire(t, l, 0, 50)
			well.wantNodes(t, 0, 50)
			await(t, d, func() bool { return d.Receivers()[0].Failing && d.Receivers()[0].Waiting == 50 })
			if s := d.Receivers()[0]; s.Waiting != 50 || s.Error == "" || strings.Contains(s.Error, "secret-token") || strings.Contains(s.Target, "secret-token") || s.Next.IsZero() {
				t.Errorf("status %+v", s)
			}
			bad.set(nil)
			bad.wantNodes(t, 0, 50)
			await(t, d, func() bool { return !(d.Receivers()[0].Delivered < 50) })
			if s := d.Receivers()[0]; s.Failing || s.Waiting != 0 || s.Lost != 0 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestASlowReceiverHoldsUpNobody(t *testing.T) {
	l, slow, well := openLog(t), newHook(t), newHook(t)
	gate := make(chan struct{})
	slow.set(func(http.ResponseWriter, *http.Request) bool { <-gate; return true })
	defer func() {
		select {
		case <-gate:
		default:
			close(gate)
		}
	}()
	begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{receiver("slow", slow), receiver("well", well)}})
	fire(t, l, 0, 20)
	well.wantNodes(t, 0, 20)
	close(gate)
	slow.wantNodes(t, 0, 20)
}

func TestAReceiverGoesOnAfterARestart(t *testing.T) {
	l, h, dir := openLog(t), newHook(t), t.TempDir()
	fire(t, l, 0, 5) // before the receiver was known
	cfg := notify.Config{Log: l, Dir: dir, Receivers: []notify.Receiver{receiver("pager", h)}}
	d, stop := begin(t, cfg)
	fire(t, l, 5, 8)
	h.wantNodes(t, 5, 8)
	await(t, d, func() bool { return !(d.Receivers()[0].Delivered < 3) })
	stop()
	fire(t, l, 8, 12)
	begin(t, cfg)
	h.wantNodes(t, 8, 12)
}

func TestTooManyMessagesAreCountedAndTold(t *testing.T) {
	l, h := openLog(t), newHook(t)
	h.set(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return false })
	d, _ := begin(t, notify.Config{Log: l, Queue: 10, Receivers: []notify.Receiver{receiver("pager", h)}})
	fire(t, l, 0, 100)
	await(t, d, func() bool { return !(d.Receivers()[0].Lost < 90) })
	h.set(nil)
	var texts strings.Builder
	last := ""
	for last != "w-99" {
		m := patience.Next(t, h.taken, "a message")
		if m.State == "lost" {
			texts.WriteString(m.Text)
		} else {
			last = m.Node
		}
	}
	if !strings.HasPrefix(texts.String(), "90 messages about alerts are missing here") {
		t.Errorf("told %q", texts.String())
	}
	if s := d.Receivers()[0]; s.Lost != 90 {
		t.Errorf("status %+v", s)
	}
}

func TestAMessageThatIsRefusedIsDroppedAfterThreeAttempts(t *testing.T) {
	l, h := openLog(t), newHook(t)
	var mu sync.Mutex
	tries := 0
	h.set(func(w http.ResponseWriter, _ *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if tries++; tries <= 3 {
			w.WriteHeader(400)
			return false
		}
		return true
	})
	d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{receiver("pager", h)}})
	fire(t, l, 0, 2)
	if m := patience.Next(t, h.taken, "a message"); m.State != "lost" || !strings.HasPrefix(m.Text, "1 messages") {
		t.Errorf("got %s", m.body)
	}
	h.wantNodes(t, 1, 2)
	if s := d.Receivers()[0]; s.Lost != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestReceiversGetWhatTheyWant(t *testing.T) {
	l, all, few := openLog(t), newHook(t), newHook(t)
	critical := receiver("few", few)
	critical.CriticalOnly, critical.NoResolved = true, true
	begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{receiver("all", all), critical}})
	fromAgent := alert(9, "", "firing", mgmt.AlertCritical)
	fromAgent.Log, fromAgent.LogSeq = "0123456789abcdef01234567", 1
	if err := l.Append([]happenings.Record{
		alert(0, "", "silenced", mgmt.AlertCritical), alert(0, "silenced", "resolved", mgmt.AlertCritical), alert(1, "", "firing", mgmt.AlertWarning),
		fromAgent, alert(1, "firing", "acknowledged", mgmt.AlertWarning), alert(1, "acknowledged", "resolved", mgmt.AlertWarning),
		alert(2, "", "firing", mgmt.AlertCritical), alert(2, "firing", "firing", mgmt.AlertCritical), alert(2, "firing", "resolved", mgmt.AlertCritical), alert(3, "", "firing", mgmt.AlertCritical),
	}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		h    *hook
		want string
	}{
		"all": {all, "w-1 firing, w-1 resolved, w-2 firing, w-2 firing again, w-2 resolved, w-3 firing, "},
		"few": {few, "w-2 firing, w-2 firing again, w-3 firing, "},
	} {
		got := ""
		for !strings.Contains(got, "w-3") {
			m := patience.Next(t, c.h.taken, "a message")
			got += m.Node + " " + m.State
			if m.Again {
				got += " again"
			}
			got += ", "
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestSlackGetsTextThatIsEscaped(t *testing.T) {
	l, h := openLog(t), newHook(t)
	r := receiver("chat", h)
	r.Kind = mgmt.ReceiverSlack
	begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}})
	fire(t, l, 0, 1)
	m := patience.Next(t, h.taken, "a message")
	var body map[string]string
	if err := json.Unmarshal([]byte(m.body), &body); err != nil || len(body) != 1 {
		t.Fatalf("got %s, %v", m.body, err)
	}
	if want := ":rotating_light: FIRING: w-0 has crashed &lt;&amp;&gt; (node-crashed, critical)\nzeekfleet crashes"; !strings.HasPrefix(body["text"], want) {
		t.Errorf("got %q", body["text"])
	}
}

func TestWhatAHostTellsIsNoLinkAndCallsNobodyInAChat(t *testing.T) {
	l, h := openLog(t), newHook(t)
	r := receiver("chat", h)
	r.Kind = mgmt.ReceiverSlack
	begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}})
	one := alert(0, "", "firing", mgmt.AlertCritical)
	one.Cause = "@all <!channel> [eth0](http://x.example) www.x.example is down"
	if err := l.Append([]happenings.Record{one}); err != nil {
		t.Fatal(err)
	}
	m := patience.Next(t, h.taken, "a message")
	var body map[string]string
	if err := json.Unmarshal([]byte(m.body), &body); err != nil {
		t.Fatal(err)
	}
	if want := "FIRING: @\u200ball &lt;!channel&gt; [eth0]\u200b(http:\u200b//x.example) www\u200b.x.example is down"; !strings.Contains(body["text"], want) {
		t.Errorf("got %q", body["text"])
	}
}

func TestACommandGetsTheAlertOnItsInputAndInItsEnvironment(t *testing.T) {
	l, dir := openLog(t), t.TempDir()
	out := filepath.Join(dir, "out")
	r := notify.Receiver{Name: "script", Kind: mgmt.ReceiverCommand, Argv: []string{"/bin/sh", "-c", `cat > "$0.new"; env | grep ZEEKFLEET_ALERT_NODE >> "$0.new"; echo "HOME=$HOME" >> "$0.new"; mv "$0.new" "$0"`, out}}
	d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}, Env: []string{"PATH=/usr/bin:/bin"}})
	fire(t, l, 0, 1)
	await(t, d, func() bool { return !(d.Receivers()[0].Delivered < 1) })
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), `"id":"node-crashed/a/w-0"`) || !strings.Contains(string(text), "ZEEKFLEET_ALERT_NODE=w-0\nHOME=\n") {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestACommandThatFailsOrHangsIsTriedAgain(t *testing.T) {
	for name, script := range map[string]string{
		"fails": `if [ -e "$0" ]; then exit 0; fi; : >"$0"; echo "no route to the pager"; exit 3`,
		"hangs": `if [ -e "$0" ]; then exit 0; fi; : >"$0"; sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t)
			r := notify.Receiver{Name: "script", Kind: mgmt.ReceiverCommand, Argv: []string{"/bin/sh", "-c", script, filepath.Join(t.TempDir(), "x")}, Timeout: time.Second}
			d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}, FirstRetry: 50 * time.Millisecond, Env: []string{"PATH=/usr/bin:/bin"}})
			fire(t, l, 0, 1)
			failure := ""
			await(t, d, func() bool {
				s := d.Receivers()[0]
				if s.Failing {
					failure = s.Error
				}
				return s.Delivered == 1
			})
			if name == "fails" && failure != "the command has ended with exit status 3: no route to the pager" {
				t.Errorf("status %q", failure)
			}
		})
	}
}

func TestATestIsSentOnceAndSaysSo(t *testing.T) {
	l, h := openLog(t), newHook(t)
	d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{receiver("pager", h)}})
	if err := d.Test(t.Context(), "pager"); err != nil {
		t.Error(err)
	}
	if m := patience.Next(t, h.taken, "a message"); m.State != "test" {
		t.Errorf("got %s", m.body)
	}
	h.set(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return false })
	if err := d.Test(t.Context(), "pager"); err == nil || err.Error() != "it has answered 403 Forbidden" {
		t.Errorf("got %v", err)
	}
	if err := d.Test(t.Context(), "nobody"); !errors.Is(err, notify.ErrNoReceiver) {
		t.Errorf("got %v", err)
	}
}

func TestReceiversThatAreWrong(t *testing.T) {
	for want, r := range map[string]notify.Receiver{
		"not one of http or https":      {Name: "x", URL: "file:///etc/passwd"},
		"lower-case letters":            {Name: "../x", URL: "http://x"},
		"must begin with an absolute":   {Name: "x", Kind: mgmt.ReceiverCommand, Argv: []string{"x"}},
		"either a command or a webhook": {Name: "x", URL: "http://x", Argv: []string{"/x"}},
	} {
		if _, err := notify.New(notify.Config{Log: openLog(t), Receivers: []notify.Receiver{r}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
