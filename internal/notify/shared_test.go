package notify_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/notify"
)

// cursors are what the controllers of a cluster share of receivers, in memory.
type cursors struct {
	mu    sync.Mutex
	texts map[string][]byte
	err   error
}

func (c *cursors) of(receiver string) notify.Keep { return cursor{c, receiver} }

type cursor struct {
	*cursors
	receiver string
}

func (c cursor) Load() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text := c.texts[c.receiver]; text != nil || c.err != nil {
		return text, c.err
	}
	return nil, fs.ErrNotExist
}

func (c cursor) Save(text []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.texts[c.receiver] = text
	}
	return c.err
}

// The next controller that leads goes on where the one before has ended.
func TestTheNextControllerGoesOnWhereTheOneBeforeHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, l *happenings.Log, n *network) {
		h, shared := newHook(t, n, "pager", nil), &cursors{texts: map[string][]byte{}}
		cfg := notify.Config{Log: l, Dial: n.dial, Cursors: shared.of, Receivers: []notify.Receiver{receiver("pager", h)}}
		_, stop := begin(t, cfg)
		fire(t, l, 0, 2)
		h.wantNodes(t, 0, 2)
		synctest.Wait()
		stop()
		fire(t, l, 2, 4) // nobody leads
		begin(t, cfg)
		fire(t, l, 4, 5)
		h.wantNodes(t, 2, 5)
	})
}

// A store that cannot be read must not make the receiver miss what it was not told.
func TestACursorThatCannotBeReadNowIsAnError(t *testing.T) {
	shared := &cursors{texts: map[string][]byte{}, err: errors.New("no majority")}
	_, err := notify.New(notify.Config{Log: openLog(t), Cursors: shared.of, Receivers: []notify.Receiver{{Name: "pager", URL: "http://x"}}})
	if err == nil || !strings.Contains(err.Error(), `how far receiver "pager" of alerts was told: no majority`) {
		t.Errorf("got %v", err)
	}
	shared.err, shared.texts["pager"] = nil, []byte("{")
	if _, err := notify.New(notify.Config{Log: openLog(t), Cursors: shared.of, Receivers: []notify.Receiver{{Name: "pager", URL: "http://x"}}}); err != nil {
		t.Errorf("a damaged cursor: %v", err)
	}
}
