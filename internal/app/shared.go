package app

import (
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
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
