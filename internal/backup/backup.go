package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The parts of a state, and the keys of those that are no state of a core.
const (
	PartController = "controller" // the core of the controller
	PartAuthority  = "authority"  // the authority of the cluster
	PartAlerts     = "alerts"     // has KeyAlerts
	PartReceivers  = "receivers"  // has the cursor of each receiver of alerts, by its name
	PartHappenings = "happenings" // has KeyIdentity and KeyPositions

	KeyAlerts    = "state"
	KeyIdentity  = "identity"
	KeyPositions = "positions"
)

// The feeds of a state.
const (
	FeedAudit      = "audit"
	FeedHappenings = "happenings"
)

// parts and feeds are all of them, in the order in which sources give them. What refers to the
// number of a record comes before the records.
var (
	parts = []string{PartController, PartAuthority, PartAlerts, PartReceivers, PartHappenings}
	feeds = []string{FeedAudit, FeedHappenings}
)

// Head says what a state is.
type Head struct {
	// Controller is the name of the controller from which it comes.
	Controller string
	// Program is the version of the program that has read it, and Made is when.
	Program string
	Made    time.Time
	// Term is the last one of the cluster. It is zero if there was no cluster.
	Term uint64
	// Newest are the numbers of the newest records of feeds, as far as they are known.
	Newest map[string]uint64
}

// Item is a piece of a state. The set is closed.
type Item interface{ isItem() }

type (
	// Part begins a part. Its entries follow.
	Part struct {
		Name     string
		Revision store.Revision
	}
	// Entry is an entry of the part that has begun last.
	Entry store.Entry
	// Batch is a part of a feed. The numbers ascend.
	Batch struct {
		Feed string
		quorum.Batch
	}
	// Archive is the content of a bundle. Write writes it. It must be called before the Put of
	// the Archive returns, and at most once.
	Archive struct {
		Hash  string
		About []byte
		Write func(w io.Writer) error
	}
	// Missing says what is damaged, and so is not in the state: one line.
	Missing string
)

func (Part) isItem()    {}
func (Entry) isItem()   {}
func (Batch) isItem()   {}
func (Archive) isItem() {}
func (Missing) isItem() {}

// Source gives a state. It can be read once.
type Source interface {
	Head(ctx context.Context) (Head, error)
	// Each calls put with each piece, in order. It returns the error of put.
	Each(ctx context.Context, put func(Item) error) error
}

// Sink takes a state.
type Sink interface {
	Begin(ctx context.Context, h Head) error
	Put(ctx context.Context, i Item) error
	// Commit says that all is there. When it returns nil, the state is in its place and
	// outlives a power cut.
	Commit(ctx context.Context) error
	// Close ends the Sink. Without a Commit it takes back what it can.
	Close() error
}

// Report says what was copied.
type Report struct {
	Head
	Entries, Records, Archives int
	Bytes                      int64
	// Missing are what is damaged in the source, each in one line.
	Missing []string
}

// Copy copies a state. After an error the sink has nothing, as far as it can do that.
func Copy(ctx context.Context, from Source, to Sink) (r Report, err error) {
	defer func() { err = errors.Join(err, to.Close()) }()
	if r.Head, err = from.Head(ctx); err != nil {
		return r, err
	}
	if err := to.Begin(ctx, r.Head); err != nil {
		return r, err
	}
	c := checker{last: map[string]uint64{}}
	err = from.Each(ctx, func(i Item) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := c.check(i); err != nil {
			return err
		}
		return to.Put(ctx, r.count(i))
	})
	if err == nil {
		err = c.whole()
	}
	if err == nil {
		err = to.Commit(ctx)
	}
	return r, err
}

// count counts a piece. It returns the piece, which counts further when it is written.
func (r *Report) count(i Item) Item {
	switch i := i.(type) {
	case Entry:
		r.Entries++
		r.Bytes += int64(len(i.Key) + len(i.Value))
	case Batch:
		r.Records += strings.Count(string(i.Lines), "\n")
		r.Bytes += int64(len(i.Lines))
	case Archive:
		r.Archives++
		write := i.Write
		i.Write = func(w io.Writer) error { return write(&counter{w, &r.Bytes}) }
		return i
	case Missing:
		r.Missing = append(r.Missing, string(i))
	}
	return i
}

// counter counts the bytes that are written.
type counter struct {
	io.Writer
	n *int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	*c.n += int64(n)
	return n, err
}

// checker checks that the pieces are those of a state.
type checker struct {
	part     string
	known    []string // the parts that have begun
	last     map[string]uint64
	archives map[string]bool
	entries  int
}

func (c *checker) check(i Item) error {
	switch i := i.(type) {
	case Part:
		if err := checkName("part", i.Name, parts); err != nil {
			return err
		}
		if slices.Contains(c.known, i.Name) {
			return fmt.Errorf("the part %s is there twice", i.Name)
		}
		c.part, c.known = i.Name, append(c.known, i.Name)
	case Entry:
		if c.part == "" || len(i.Key) == 0 || len(i.Key) > store.MaxKey || i.Value == nil {
			return fmt.Errorf("an entry of the part %q with a key of %d bytes", c.part, len(i.Key))
		}
		c.entries++
	case Batch:
		if err := checkName("feed", i.Feed, feeds); err != nil {
			return err
		}
		if i.First <= c.last[i.Feed] || i.Last < i.First {
			return fmt.Errorf("the feed %s has records %d to %d after record %d", i.Feed, i.First, i.Last, c.last[i.Feed])
		}
		c.last[i.Feed] = i.Last
	case Archive:
		if c.archives[i.Hash] {
			return fmt.Errorf("the bundle %.80s is there twice", i.Hash)
		}
		if c.archives == nil {
			c.archives = map[string]bool{}
		}
		c.archives[i.Hash] = true
	case Missing:
	default:
		panic(fmt.Sprintf("backup: unhandled piece %T", i))
	}
	return nil
}

// whole returns an error if there is nothing: a restored nothing would be a loss.
func (c *checker) whole() error {
	if c.entries == 0 {
		return errors.New("there is no state of a controller in it")
	}
	return nil
}

func checkName(what, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	return fmt.Errorf("the %s %.40q is not known here: a newer zeekfleet has written it; run that zeekfleet, or a later one", what, name)
}

// Discard returns a Sink that takes everything and keeps nothing. A Copy to it says whether
// a Source is whole.
func Discard() Sink { return discard{} }

type discard struct{}

func (discard) Begin(context.Context, Head) error { return nil }

func (discard) Put(_ context.Context, i Item) error {
	if a, ok := i.(Archive); ok {
		return a.Write(io.Discard)
	}
	return nil
}

func (discard) Commit(context.Context) error { return nil }

func (discard) Close() error { return nil }
