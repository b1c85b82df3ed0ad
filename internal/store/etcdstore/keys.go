package etcdstore

import (
	"fmt"
	"strings"
)

// keys are the names of the keys below a prefix.
//
//	lead                          who leads; its create revision is the token
//	lead/term                     the last term
//	lead/heir                     who is to lead next; it counts if its term is the last term
//	lead/doubt/TOKEN/MEMBER       a member does not hear the lead with this token
//	session/MEMBER                a member lives
//	controller/NAME               what a controller says of itself
//	rev/PART                      the revision of a part, and the batch that is not moved yet
//	saver/PART                    the Save that has made this revision
//	e/PART/KEY                    an entry: its value, or the manifest of its chunks
//	feed-last/NAME                the number of the last record of a feed
//	feed/NAME/LAST-FIRST-SIZE     a batch of a feed
//	archive/HASH                  what is known of an archive, and the manifest of its chunks
//	chunk/SET/INDEX/N             chunk N of a value of a set
//	set/SET/INDEX                 the key that names this value, if it counts
//	pending/SET                   the set may still come to count
//	defragmenting                 the member that gives space back
//
// The last part of a key may have any bytes. Numbers are in hexadecimal with all digits, so
// that keys are in the order of their numbers.
type keys struct{ prefix string }

func (k keys) lead() string          { return k.prefix + "lead" }
func (k keys) term() string          { return k.lead() + "/term" }
func (k keys) heir() string          { return k.lead() + "/heir" }
func (k keys) doubts() string        { return k.lead() + "/doubt/" }
func (k keys) sessions() string      { return k.prefix + "session/" }
func (k keys) controllers() string   { return k.prefix + "controller/" }
func (k keys) archives() string      { return k.prefix + "archive/" }
func (k keys) chunks() string        { return k.prefix + "chunk/" }
func (k keys) pendings() string      { return k.prefix + "pending/" }
func (k keys) revisions() string     { return k.prefix + "rev/" }
func (k keys) allEntries() string    { return k.prefix + "e/" }
func (k keys) defragmenting() string { return k.prefix + "defragmenting" }

func (k keys) doubtsOf(token int64) string {
	return k.doubts() + fmt.Sprintf("%016x/", uint64(token))
}

func (k keys) revision(part string) string { return k.revisions() + named(part) }
func (k keys) saver(part string) string    { return k.prefix + "saver/" + named(part) }
func (k keys) entries(part string) string  { return k.allEntries() + named(part) + "/" }
func (k keys) feedLast(name string) string { return k.prefix + "feed-last/" + named(name) }
func (k keys) feed(name string) string     { return k.prefix + "feed/" + named(name) + "/" }

func (k keys) chunksOf(name string) string        { return k.chunks() + name + "/" }
func (k keys) chunk(name string, n int) string    { return k.chunksOf(name) + fmt.Sprintf("%08x", n) }
func (k keys) sets() string                       { return k.prefix + "set/" }
func (k keys) set(name string) string             { return k.sets() + name }
func (k keys) pending(set string) string          { return k.pendings() + set }
func (k keys) session(member string) string       { return k.sessions() + member }
func (k keys) controller(name string) string      { return k.controllers() + name }
func (k keys) archive(hash string) string         { return k.archives() + hash }
func (k keys) doubt(token int64, m string) string { return k.doubtsOf(token) + m }

// named returns the name of a part or a feed. These names are ours, and a slash in one would
// mix its entries with those of another.
func named(name string) string {
	if name == "" || strings.Contains(name, "/") {
		panic(fmt.Sprintf("etcdstore: %q is no name of a part", name))
	}
	return name
}
