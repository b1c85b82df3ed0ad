package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/notify"
)

// sharing says how the files of a controller are shared with others. The zero value shares
// nothing.
type sharing struct {
	audit, events       func(first, last uint64, lines []byte) error
	identity, positions happenings.Keep
	archives            blob.Sharing
}

// alertKeeping says where the state of alerts is kept, and how far receivers were told. The
// zero value means files.
type alertKeeping struct {
	alerts  daemon.Keep
	cursors func(receiver string) notify.Keep
}

// Directories of a member, below the directory of the controller.
const (
	storeDir   = "etcd"
	peersDir   = "peers"
	scratchDir = "incoming"
)

// lockDirectory makes the directory of a controller, and keeps other processes out of it.
func lockDirectory(dir string) (*durable.Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := durable.LockFile(filepath.Join(dir, "member.lock"))
	if err != nil {
		return nil, fmt.Errorf("another controller of the directory %s runs: %w", dir, err)
	}
	return lock, nil
}
