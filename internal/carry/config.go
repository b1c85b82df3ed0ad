package carry

import (
	"cmp"
	"errors"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config bounds streams. Its zero value works.
type Config struct {
	// ChunkBytes bounds the bytes of a chunk that this side sends. Zero means 30 KiB: a
	// message of 32 KiB or more waits for other large messages. It is at most
	// mgmt.MaxChunk.
	ChunkBytes int
	// Window is how many chunks of a stream may be on the way. Zero means 8.
	Window int
	// PerPeer bounds the streams with one peer. A further one is refused. Zero means 8.
	PerPeer int
	// Total bounds all streams. A further one is refused. Zero means 64.
	Total int
	// Silence is after which time a stream is lost whose sender says nothing. A sender
	// that has no bytes says three times as often that it lives. Zero means 30 s.
	Silence time.Duration
	// Stall is how long a sender waits for its reader to take a chunk. Zero means 2
	// minutes.
	Stall time.Duration
	// Life is how long a stream may last. Zero means 24 hours.
	Life time.Duration
	// Gentle makes a stream take what other traffic leaves of a line: it has chunks of 4 KiB,
	// and as many on the way as do not wait for each other. Both sides must say so.
	// ChunkBytes and Window do not count then.
	Gentle bool
	// Sender is what errors call the side that sends. Empty means "agent".
	Sender string
}

// maxWindow bounds the chunks that a peer may let this side send ahead.
const maxWindow = 64

func (c Config) withDefaults() (Config, error) {
	if c.ChunkBytes < 0 || c.Window < 0 || c.PerPeer < 0 || c.Total < 0 || c.Silence < 0 || c.Stall < 0 || c.Life < 0 {
		return c, errors.New("carry config: a bound of streams is negative")
	}
	if c.ChunkBytes > mgmt.MaxChunk || c.Window > maxWindow {
		return c, errors.New("carry config: chunks or windows are larger than peers take")
	}
	if c.Gentle {
		c.ChunkBytes, c.Window = gentleChunk, gentleWindow
	}
	c.Sender = cmp.Or(c.Sender, "agent")
	c.ChunkBytes = cmp.Or(c.ChunkBytes, 30<<10)
	c.Window = cmp.Or(c.Window, 8)
	c.PerPeer = cmp.Or(c.PerPeer, 8)
	c.Total = cmp.Or(c.Total, 64)
	c.Silence = cmp.Or(c.Silence, 30*time.Second)
	c.Stall = cmp.Or(c.Stall, 2*time.Minute)
	c.Life = cmp.Or(c.Life, 24*time.Hour)
	return c, nil
}

// Send sends a message to a peer. It reports whether the peer is there. It never waits.
type Send func(peer string, msg mgmt.Message) bool

func fault(code mgmt.StreamCode, text string) *mgmt.StreamError {
	return &mgmt.StreamError{Code: code, Text: text}
}
