package app

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/resident"
)

// MemoryTarget is the memory, in bytes, below which each daemon tries to stay. Above it, Go
// collects garbage more often. A controller with many agents needs more: MemoryPerAgent for each
// agent that is connected and known: strangers get none.
const (
	MemoryTarget   = 256 << 20
	MemoryPerAgent = 96 << 10
)

// memoryEvery is how often a controller counts its agents.
const memoryEvery = 5 * time.Second

// startTakes is when a daemon has started, and needs most of the program's pages no longer.
const startTakes = 2 * time.Second

// SaveMemory makes a daemon stay below MemoryTarget, unless the environment sets GOMEMLIMIT. When the
// daemon has started, it gives back what only the start needed.
func SaveMemory() {
	setMemory(MemoryTarget)
	// After an error the pages stay, which does no harm.
	time.AfterFunc(startTakes, func() { _, _ = resident.GiveBack() })
}

func setMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// followMemory gives a controller more memory while more agents are connected, until ctx is done.
// Without that it would do little else than collect garbage.
func followMemory(ctx context.Context, agents func() int) error {
	given := 0
	for ctx.Err() == nil {
		if n := agents(); n != given {
			given = n
			setMemory(MemoryTarget + int64(n)*MemoryPerAgent)
		}
		select {
		case <-ctx.Done():
		case <-time.After(memoryEvery):
		}
	}
	return context.Cause(ctx)
}
