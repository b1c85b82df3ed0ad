package daemon_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// moodyStore keeps a document in memory. While it is down, what it is told to
// save is saved, but it cannot say so, nor anything else.
type moodyStore struct {
	mu   sync.Mutex
	doc  []byte
	rev  store.Revision
	down bool
}

var errDown = errors.New("the disk does not answer")

func (s *moodyStore) Load(context.Context) ([]byte, store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, 0, errDown
	}
	return s.doc, s.rev, nil
}

func (s *moodyStore) Save(_ context.Context, doc []byte, replaces store.Revision) (store.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if replaces != s.rev {
		return 0, store.ErrConflict
	}
	s.doc, s.rev = append([]byte(nil), doc...), s.rev+1
	if s.down {
		return 0, errDown
	}
	return s.rev, nil
}

func (s *moodyStore) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func TestSavesGoOnAfterOneOfWhichNobodyCanTell(t *testing.T) {
	s, websocket := new(moodyStore), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- daemon.RunController(ctx, daemon.ControllerConfig{
			Store: s, WebSocket: websocket, WebSocketServer: bus.WebSocketConfig{Version: "test"},
		})
	}()
	defer func() { cancel(); <-done }()
	c, err := client.Dial(t.Context(), client.Config{Address: websocket.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stage := func() bool {
		t.Helper()
		results, err := c.Stage(t.Context(), client.Configuration{ID: "x"})
		if err != nil || len(results) == 0 {
			t.Fatalf("stage: %d results, %v", len(results), err)
		}
		return results[0].Success
	}
	s.set(true)
	if stage() {
		t.Error("what the disk did not confirm was acknowledged")
	}
	s.set(false)
	if !stage() {
		t.Error("a save is refused after the disk has recovered")
	}
}
