package daemon_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
)

func TestWhatIsNotUnderstoodIsLoggedForEachPeer(t *testing.T) {
	var log bytes.Buffer
	var messages []bus.Message
	for range 1000 {
		messages = append(messages, bus.Message{From: &bus.Peer{ID: "noisy"}, Topic: "t"})
	}
	messages = append(messages, bus.Message{From: &bus.Peer{ID: "another"}, Topic: "t"})
	daemon.LogUnreadable(slog.New(slog.NewTextHandler(&log, nil)), messages, errors.New("event X: what"))
	if got := strings.Count(log.String(), "peer=noisy"); got != 5 {
		t.Errorf("%d lines of the noisy peer, want 5", got)
	}
	if !strings.Contains(log.String(), `peer=another addr="invalid AddrPort" topic=t err="event X: what"`) {
		t.Errorf("nothing of another peer in %s", log.String())
	}
}
