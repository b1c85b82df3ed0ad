package main

import (
	"context"
	"os"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

// ownStats returns what an embedded node answers to get_stats, as Zeek's nodes do. It has
// captured nothing.
func ownStats(began time.Time) func(context.Context, []string) (any, error) {
	return func(context.Context, []string) (any, error) {
		self, err := procfs.Root.Stat(os.Getpid())
		if err != nil {
			return nil, err
		}
		return map[string]any{
			"packets_received": uint64(0), "packets_dropped": uint64(0), "packets_on_link": uint64(0), "bytes_received": uint64(0),
			"memory": self.Pages * uint64(os.Getpagesize()), "events_queued": uint64(0), "events_dispatched": uint64(0),
			"uptime": time.Since(began).Seconds(),
		}, nil
	}
}
