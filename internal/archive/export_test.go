package archive

import "context"

// Before has f called before each change to the disk. An error of f is that of
// the change, which is not made.
func (a *Archiver) Before(f func(change, path string) error) { a.mover.before = f }

// Unwatched makes Run rely on its timer alone.
func (a *Archiver) Unwatched() {
	a.watch = func(ctx context.Context, _ string, _ chan<- struct{}) error {
		<-ctx.Done()
		return nil
	}
}

// Disk makes the archive's file system so full, in bytes.
func (a *Archiver) Disk(used, available uint64) {
	a.usage = func(string) (usage, error) { return usage{used, available}, nil }
}

// InBubble returns a with channels of the bubble it is called in.
func (a *Archiver) InBubble() *Archiver {
	fresh := *a
	fresh.turn = make(chan struct{}, 1)
	fresh.Unwatched()
	return &fresh
}

// ZoneFile is a file of the zone database.
var ZoneFile = zoneFile
