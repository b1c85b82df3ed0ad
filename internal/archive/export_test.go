package archive

import "context"

// Before makes f run before each change of the disk. If f returns an error, the
// change is not made and returns that error.
func (a *Archiver) Before(f func(change, path string) error) { a.mover.before = f }

// Unwatched makes Run sweep at each interval only.
func (a *Archiver) Unwatched() {
	a.watch = func(ctx context.Context, _ string, _ chan<- struct{}) error {
		<-ctx.Done()
		return nil
	}
}

// Disk sets how full the archive's file system appears, in bytes.
func (a *Archiver) Disk(used, available uint64) {
	a.usage = func(string) (usage, error) { return usage{used, available}, nil }
}

// InBubble returns a copy of a whose channels belong to the synctest bubble of the
// caller.
func (a *Archiver) InBubble() *Archiver {
	fresh := *a
	fresh.turn = make(chan struct{}, 1)
	fresh.Unwatched()
	return &fresh
}

// ZoneFile returns a file of the zone database.
var ZoneFile = zoneFile
