package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// logText is a log that can be read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// logger returns a logger that writes to l, down to debug messages.
func (l *logText) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// take returns the text that was logged since take was last called.
func (l *logText) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

func TestRefusedEventsOfClientsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logText
		e := newEndpoint(t, bus.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		clients := pipeWebSocket(t, e, bus.WebSocketConfig{Admit: func(string, zval.Value) error {
			return errors.New("argument results: got count, want vector")
		}})
		w, another := pipeClient(t, clients, "[]"), pipeClient(t, clients, "[]")
		synctest.Wait()
		log.take()
		for _, tt := range []struct {
			sent string
			want []string // in the line
		}{
			{eventText("zeek/management/controller", "Site::deploy"), []string{
				"level=WARN", "topic=zeek/management/controller", "event=Site::deploy", "argument results: got count, want vector"}},
			{`{"topic":"t","@data-type":"count","data":1}`, []string{"topic=t", "value is not an event but a count"}},
			{`{"topic":"t","@data-type":"port","data":"70000/tcp"}`, []string{"malformed port"}},
			{eventText("<$>/x", "Site::deploy"), []string{"topic is reserved"}},
			{`what`, []string{"err="}},
		} {
			w.frame(opText, tt.sent)
			w.text()
			line := log.take()
			for _, want := range tt.want {
				if !strings.Contains(line, want) {
					t.Errorf("%s: logged %q, want %q in it", tt.sent, line, want)
				}
			}
		}
		for range 100 {
			w.frame(opText, "what")
			w.text()
		}
		if got := log.take(); got != "" {
			t.Errorf("a sixth event at once was logged: %s", got)
		}
		another.frame(opText, "what")
		another.text()
		if log.take() == "" {
			t.Error("nothing of another client was logged")
		}
		w.frame(opPong, "")
		another.frame(opPong, "")
		time.Sleep(10 * time.Second / 3)
		w.frame(opText, "what")
		w.text()
		if got := log.take(); got != "" {
			t.Errorf("logged too early: %s", got)
		}
	})
}

func TestThrottleSaysHowMuchItHeldBack(t *testing.T) {
	const never = -1
	synctest.Test(t, func(t *testing.T) {
		var log logText
		throttle := bus.Throttle{Burst: 2, Interval: time.Second}
		for _, tt := range []struct {
			after    time.Duration
			unlogged int // in the line; never: there is no line
		}{
			{0, 0}, {0, 0}, {0, never}, {0, never},
			{time.Second, 2}, {0, never},
			{time.Hour, 1}, {0, 0}, {0, never},
		} {
			time.Sleep(tt.after)
			throttle.Warn(log.logger(), "again", "key", "value")
			line := log.take()
			want := "key=value\n"
			if tt.unlogged > 0 {
				want = fmt.Sprintf("key=value unlogged=%d\n", tt.unlogged)
			}
			if tt.unlogged == never && line != "" || tt.unlogged != never && !strings.HasSuffix(line, want) {
				t.Errorf("after %v: logged %q, want %d unlogged", tt.after, line, tt.unlogged)
			}
		}
	})
}
