package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
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

// begin runs a Dispatcher until the test, or stop, ends it. Its pauses are not made longer by
// chance.
func begin(t *testing.T, cfg notify.Config) (d *notify.Dispatcher, stop func()) {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Chance == nil {
		cfg.Chance = func() float64 { return 0 }
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

// bubble runs a test in virtual time, with a log and a network in memory.
func bubble(t *testing.T, test func(t *testing.T, l *happenings.Log, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, openLog(t), &network{}) })
}

func TestAMessageHasItsFieldsAndItsSignature(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		r := receiver("pager", h)
		r.Key = []byte("0123456789abcdef")
		begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{r}})
		fire(t, l, 0, 1)
		m := h.next(t)
		if m.Version != 1 || m.Controller != "controller-1" || m.Seq != 1 || m.State != "firing" || m.Rule != "node-crashed" || m.Severity != "critical" ||
			m.ID != "node-crashed/a/w-0" || m.Instance != "a" || m.Text != "w-0 has crashed <&>" || !strings.Contains(m.Hint, "diag w-0") {
			t.Errorf("got %s", m.body)
		}
		stamp := m.header.Get(notify.HeaderTimestamp)
		if stamp != strconv.FormatInt(time.Now().Unix(), 10) {
			t.Errorf("timestamp %q", stamp)
		}
		if got := m.header.Get(notify.HeaderSignature); got != notify.Sign(r.Key, stamp, []byte(m.body)) {
			t.Errorf("signature %q", got)
		}
	})
}

// The receivers fail in every way, each beside one that is well. Nobody waits for them, and
// what they missed arrives in order once they are back.
func TestAReceiverThatFailsGetsEverythingInOrderOnceItIsBack(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		error  string
	}{
		"fails": {refuses(500), "it has answered 500 Internal Server Error"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return false }, "it took longer than 7s"},
		"closes": {func(w http.ResponseWriter, _ *http.Request) bool {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				c.Close()
			}
			return false
		}, "EOF"},
		"is busy": {refuses(429), "it has answered 429 Too Many Requests"},
		"redirects": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return false
		}, "it has answered 302 Found"},
		"redirects to nowhere": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", r.URL.Path+"/%zz")
			w.WriteHeader(http.StatusFound)
			return false
		}, `failed to parse Location header "/…/%zz": parse "/…/%zz": invalid URL escape "%zz"`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
				bad, well := newHook(t, n, "bad", nil), newHook(t, n, "well", nil)
				bad.set(c.answer)
				r := receiver("bad", bad)
				r.Timeout = 7 * time.Second
				d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{r, receiver("well", well)}})
				began := time.Now()
				fire(t, l, 0, 50)
				well.wantNodes(t, 0, 50)
				if late := time.Since(began); late != 0 {
					t.Errorf("the other receiver waited %v", late)
				}
				time.Sleep(7 * time.Second)
				synctest.Wait()
				s := d.Receivers()[0]
				if !s.Failing || s.Waiting != 50 || s.Error != c.error || strings.Contains(s.Target, "secret-token") || s.Next.IsZero() {
					t.Errorf("status %+v", s)
				}
				bad.set(nil)
				bad.wantNodes(t, 0, 50)
				synctest.Wait()
				bad.wantNone(t)
				if s := d.Receivers()[0]; s.Failing || s.Waiting != 0 || s.Lost != 0 || s.Delivered != 50 {
					t.Errorf("status %+v", s)
				}
			})
		})
	}
}

func TestThePauseDoublesUntilItsBound(t *testing.T) {
	seconds := func(of ...float64) (all []time.Duration) {
		for _, s := range of {
			all = append(all, time.Duration(s*float64(time.Second)))
		}
		return all
	}
	for name, c := range map[string]struct {
		chance float64
		want   []time.Duration
	}{
		"by itself": {0, seconds(0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111)},
		"by chance": {1, seconds(0, 1.2, 3.6, 8.4, 18, 37.2, 75.6, 152.4, 306, 613.2, 973.2, 1333.2)},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
				h := newHook(t, n, "pager", nil)
				h.set(refuses(500))
				begin(t, notify.Config{Log: l, Dial: n.dial, Chance: func() float64 { return c.chance }, Receivers: []notify.Receiver{receiver("pager", h)}})
				fire(t, l, 0, 2)
				time.Sleep(c.want[len(c.want)-1])
				synctest.Wait()
				if got := h.attempts(); !slices.Equal(got, c.want) {
					t.Errorf("attempts after %v, want %v", got, c.want)
				}
				// The next message has the first pause again.
				h.set(nil)
				h.wantNodes(t, 0, 2)
				h.set(refuses(500))
				fire(t, l, 2, 3)
				before := len(h.attempts())
				time.Sleep(time.Second + time.Duration(c.chance*float64(time.Second)/5))
				synctest.Wait()
				if got := len(h.attempts()) - before; got != 2 {
					t.Errorf("%d attempts within the first pause, want 2", got)
				}
			})
		})
	}
}

func TestAReceiverCanSayWhenToTryAgain(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		after  func() string
		want   time.Duration
	}{
		"in seconds":        {429, func() string { return "90" }, 90 * time.Second},
		"also when away":    {503, func() string { return "90" }, 90 * time.Second},
		"at a time":         {429, func() string { return time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat) }, 2 * time.Minute},
		"in the past":       {429, func() string { return time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat) }, time.Second},
		"at once":           {429, func() string { return "0" }, time.Second},
		"too late":          {429, func() string { return "999999" }, time.Hour},
		"nonsense":          {429, func() string { return "soon" }, time.Second},
		"with another code": {500, func() string { return "90" }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
				h := newHook(t, n, "pager", nil)
				h.set(func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Retry-After", c.after())
					w.WriteHeader(c.status)
					return false
				})
				d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}})
				fire(t, l, 0, 1)
				synctest.Wait()
				if next := time.Until(d.Receivers()[0].Next); next != c.want {
					t.Errorf("the next attempt is announced in %v, want %v", next, c.want)
				}
				h.set(nil)
				h.wantNodes(t, 0, 1)
				if got := h.attempts(); len(got) != 2 || got[1] != c.want {
					t.Errorf("attempts after %v, want the second after %v", got, c.want)
				}
			})
		})
	}
}

func TestASlowReceiverHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		slow, well := newHook(t, n, "slow", nil), newHook(t, n, "well", nil)
		slow.set(func(http.ResponseWriter, *http.Request) bool { time.Sleep(9 * time.Second); return true })
		begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("slow", slow), receiver("well", well)}})
		began := time.Now()
		fire(t, l, 0, 20)
		well.wantNodes(t, 0, 20)
		if late := time.Since(began); late != 0 {
			t.Errorf("the other receiver waited %v", late)
		}
		slow.wantNodes(t, 0, 20)
		if took := time.Since(began); took != 20*9*time.Second {
			t.Errorf("the slow one took %v", took)
		}
	})
}

func TestAReceiverGoesOnAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		fire(t, l, 0, 5) // before the receiver was known
		cfg := notify.Config{Log: l, Dir: t.TempDir(), Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}}
		_, stop := begin(t, cfg)
		synctest.Wait()
		fire(t, l, 5, 8)
		h.wantNodes(t, 5, 8)
		synctest.Wait() // it has written the cursor
		stop()
		fire(t, l, 8, 12)
		begin(t, cfg)
		h.wantNodes(t, 8, 12)
		synctest.Wait()
		h.wantNone(t)
	})
}

// A receiver takes messages, and the controller is killed before it has written that down.
func TestAMessageThatComesTwiceHasTheSameNumber(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h, dir := newHook(t, n, "pager", nil), t.TempDir()
		cfg := notify.Config{Log: l, Dir: dir, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}}
		_, stop := begin(t, cfg)
		synctest.Wait()
		fire(t, l, 0, 1)
		h.wantNodes(t, 0, 1)
		synctest.Wait()
		cursor := filepath.Join(dir, "pager.json")
		before, err := os.ReadFile(cursor)
		if err != nil {
			t.Fatal(err)
		}
		fire(t, l, 1, 2)
		first := h.next(t)
		stop()
		if err := os.WriteFile(cursor, before, 0o600); err != nil {
			t.Fatal(err)
		}
		begin(t, cfg)
		if again := h.next(t); again.Seq != first.Seq || again.Node != "w-1" {
			t.Errorf("first %s, then %s", first.body, again.body)
		}
	})
}

func TestTooManyMessagesAreCountedAndTold(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		h.set(refuses(503))
		d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Queue: 10, Receivers: []notify.Receiver{receiver("pager", h)}})
		synctest.Wait()
		fire(t, l, 0, 10)
		synctest.Wait()
		if s := d.Receivers()[0]; s.Waiting != 10 || s.Lost != 0 {
			t.Errorf("at the bound: status %+v", s)
		}
		fire(t, l, 10, 100)
		synctest.Wait()
		if s := d.Receivers()[0]; s.Waiting != 10 || s.Lost != 90 {
			t.Errorf("above the bound: status %+v", s)
		}
		h.set(nil)
		h.wantNodes(t, 0, 1) // it was on its way
		if m := h.next(t); m.State != "lost" || !strings.HasPrefix(m.Text, "90 messages about alerts are missing here") {
			t.Errorf("told %s", m.body)
		}
		h.wantNodes(t, 91, 100)
	})
}

// An agent that somebody has taken over can tell of much. That costs its own messages.
func TestAnInstanceWhereMuchHappensPushesOutNoMessagesOfOthers(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		h.set(refuses(503))
		d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Queue: 10, Receivers: []notify.Receiver{receiver("pager", h)}})
		synctest.Wait()
		fire(t, l, 0, 1)
		var others []happenings.Record
		for i := 1; i < 5; i++ {
			r := alert(i, "", "firing", mgmt.AlertCritical)
			r.Instance = mgmt.InstanceName(fmt.Sprintf("other-%d", i%2))
			others = append(others, r)
		}
		if err := l.Append(others); err != nil {
			t.Fatal(err)
		}
		fire(t, l, 5, 1000)
		synctest.Wait()
		if s := d.Receivers()[0]; s.Waiting != 10 || s.Lost != 990 {
			t.Errorf("status %+v", s)
		}
		h.set(nil)
		h.wantNodes(t, 0, 1)
		if m := h.next(t); m.State != "lost" {
			t.Errorf("told %s", m.body)
		}
		h.wantNodes(t, 1, 5)
		h.wantNodes(t, 995, 1000)
	})
}

func TestAMessageThatIsRefusedIsDroppedAfterThreeAttempts(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
			h := newHook(t, n, "pager", nil)
			h.set(func(w http.ResponseWriter, _ *http.Request) bool {
				if len(h.attempts()) <= 3 {
					w.WriteHeader(status)
					return false
				}
				return true
			})
			d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}})
			fire(t, l, 0, 2)
			if m := h.next(t); m.State != "lost" || !strings.HasPrefix(m.Text, "1 messages") {
				t.Errorf("got %s", m.body)
			}
			h.wantNodes(t, 1, 2)
			if s := d.Receivers()[0]; s.Lost != 1 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestReceiversGetWhatTheyWant(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		all, few := newHook(t, n, "all", nil), newHook(t, n, "few", nil)
		critical := receiver("few", few)
		critical.CriticalOnly, critical.NoResolved = true, true
		begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("all", all), critical}})
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
				m := c.h.next(t)
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
	})
}

// slackText returns the text that a chat gets of an alert with this cause.
func slackText(t *testing.T, cause string) (text string) {
	t.Helper()
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "chat", nil)
		r := receiver("chat", h)
		r.Kind = mgmt.ReceiverSlack
		begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{r}})
		one := alert(0, "", "firing", mgmt.AlertCritical)
		one.Cause = cause
		if err := l.Append([]happenings.Record{one}); err != nil {
			t.Fatal(err)
		}
		m := h.next(t)
		var body map[string]string
		if err := json.Unmarshal([]byte(m.body), &body); err != nil || len(body) != 1 {
			t.Fatalf("got %s, %v", m.body, err)
		}
		text = body["text"]
	})
	return text
}

func TestSlackGetsTextThatIsEscaped(t *testing.T) {
	got := slackText(t, "w-0 has crashed <&>")
	if want := ":rotating_light: FIRING: w-0 has crashed &lt;&amp;&gt; (node-crashed, critical)\nzeekfleet crashes"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWhatAHostTellsIsNoLinkAndCallsNobodyInAChat(t *testing.T) {
	got := slackText(t, "@all <!channel> [eth0](http://x.example) www.x.example is down")
	if want := "FIRING: @\u200ball &lt;!channel&gt; [eth0]\u200b(http:\u200b//x.example) www\u200b.x.example is down"; !strings.Contains(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestATestIsSentOnceAndSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h := newHook(t, n, "pager", nil)
		d, _ := begin(t, notify.Config{Log: l, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}})
		if err := d.Test(t.Context(), "pager"); err != nil {
			t.Error(err)
		}
		if m := h.next(t); m.State != "test" {
			t.Errorf("got %s", m.body)
		}
		h.set(refuses(403))
		if err := d.Test(t.Context(), "pager"); err == nil || err.Error() != "it has answered 403 Forbidden" {
			t.Errorf("got %v", err)
		}
		if err := d.Test(t.Context(), "nobody"); !errors.Is(err, notify.ErrNoReceiver) {
			t.Errorf("got %v", err)
		}
		if got := len(h.attempts()); got != 2 {
			t.Errorf("%d attempts, want 2", got)
		}
	})
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

// Each form of a cursor that was ever written is in testdata.
func TestCursorsOfEveryFormAreRead(t *testing.T) {
	text, err := os.ReadFile("testdata/cursor1.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "pager.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if seq, known, err := notify.ReadCursor(dir, "pager", "0123456789abcdef01234567"); seq != 17 || !known || err != nil {
		t.Errorf("read %d, %v, %v", seq, known, err)
	}
	if _, known, err := notify.ReadCursor(dir, "pager", "another"); known || err != nil {
		t.Errorf("of another log: %v, %v", known, err)
	}
	if err := notify.SaveCursor(dir, "pager", "0123456789abcdef01234567", 17); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); string(again) != string(text) || err != nil {
		t.Errorf("written as %s, %v", again, err)
	}
}

func TestACursorOfANewerZeekfleetIsRefusedAndStays(t *testing.T) {
	for name, text := range map[string][]byte{"sealed": durable.Seal([]byte(`{"version":9}`)), "unsealed": []byte(`{"version":9}`)} {
		dir := t.TempDir()
		path := filepath.Join(dir, "pager.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := notify.New(notify.Config{Log: openLog(t), Dir: dir, Receivers: []notify.Receiver{{Name: "pager", URL: "http://x"}}})
		if newer, ok := errors.AsType[*form.NewerError](err); !ok || newer.Form != 9 || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if kept, err := os.ReadFile(path); string(kept) != string(text) || err != nil {
			t.Errorf("%s: kept %s, %v", name, kept, err)
		}
	}
}

func TestAReceiverWithADamagedCursorIsToldOfWhatIsNew(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h, dir := newHook(t, n, "pager", nil), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pager.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		fire(t, l, 0, 3)
		begin(t, notify.Config{Log: l, Dir: dir, Dial: n.dial, Receivers: []notify.Receiver{receiver("pager", h)}})
		synctest.Wait()
		fire(t, l, 3, 4)
		h.wantNodes(t, 3, 4)
	})
}
