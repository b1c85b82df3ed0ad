package etcdstore_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// An operator reads that a member is away, once.
func TestAMemberThatIsAwayIsLogged(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var said lockedBuffer
	c.change = func(cfg *etcdstore.Config) {
		if cfg.Name == "one" {
			cfg.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelInfo}))
		}
	}
	c.start("one", "two", "three")
	c.stop("two", (*etcdstore.Engine).Kill)
	until(t, "the log", func(context.Context) error {
		if text := said.String(); !strings.Contains(text, "level=INFO") || !strings.Contains(text, "peer became inactive") {
			return errors.New(text)
		}
		return nil
	})
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// What etcd says while all is well is for debugging.
func TestNothingIsLoggedWhileAllIsWell(t *testing.T) {
	c := newCluster(t)
	var said lockedBuffer
	c.change = func(cfg *etcdstore.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	e := c.start("one")[0]
	_, err := e.Store("part", quorum.Fence{}).Save(t.Context(), put("key", "value"), 0)
	done(t, "Save", err)
	c.stop("one", (*etcdstore.Engine).Close)
	for line := range strings.Lines(said.String()) {
		t.Error(line)
	}
}
