package quorum

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Engine is what the controllers of a cluster share. Any goroutine may call its methods.
// A call returns an error, at the latest when its ctx is done, if the engine has no majority.
type Engine interface {
	Election
	Membership
	// Store returns the entries of one part of the state, such as "controller". Its Load sees
	// every Save that was acknowledged to anybody. Its Save returns store.ErrConflict if the
	// fence no longer holds. The zero Fence holds while nobody leads.
	Store(part string, fence Fence) store.Store
	// Changed calls changed first now, and then after each change of the entries of a part,
	// until ctx is done or the engine fails. Changes that come close together are one call.
	Changed(ctx context.Context, part string, changed func()) error
	// Feed returns the feed with a name, such as "audit".
	Feed(name string) Feed
	Archives() Archives
	// Close ends what the engine has started in this process.
	Close() error
}

// Fence is what a controller must still be for its writes to count: the one that leads by
// this token.
type Fence struct{ Token int64 }

// Lead says who leads.
type Lead struct {
	// Member is the name of the controller. It is empty if nobody leads.
	Member string
	// Term counts the leads. It never decreases; the next lead has a greater one.
	Term uint64
	// Token names this lead alone. It is the Fence of the controller.
	Token int64
	// Doubts are the names of the members that do not hear this controller, sorted.
	Doubts []string
	// Heir is, while nobody leads, the controller that is to lead next. Empty means any.
	Heir string
}

// ErrTaken says that another controller leads, or that the state has changed meanwhile.
var ErrTaken = errors.New("another controller leads")

// ErrSession says that a session has ended.
var ErrSession = errors.New("the session with the store has ended")

// Session is the time for which the store believes that a controller lives. What it has
// written for the session goes with the session.
type Session int64

// Election decides who leads. A lead ends when its session ends, when its controller
// resigns, or when End ends it.
type Election interface {
	// Begin makes a session of a member that ends when it was not renewed for ttl. A session
	// that the member has from before ends at once, with its lead.
	Begin(ctx context.Context, member string, ttl time.Duration) (Session, error)
	// Live returns the names of the members that have a session, sorted.
	Live(ctx context.Context) ([]string, error)
	// Renew renews a session. It returns ErrSession if the session has ended.
	Renew(ctx context.Context, s Session) error
	// EndSession ends a session, with what belongs to it.
	EndSession(ctx context.Context, s Session) error
	// WatchLead calls seen with who leads, first now and then after each change of the
	// lead or its doubts, until ctx is done or the watch breaks.
	WatchLead(ctx context.Context, seen func(Lead)) error
	// Take makes a member lead if nobody does. The term is one more than the last one, and
	// at least atLeast. It returns ErrTaken if somebody leads, and the lead of this session
	// again if it leads already: the answer to an earlier Take may have been lost.
	Take(ctx context.Context, s Session, member string, atLeast uint64) (Lead, error)
	// Raise gives the lead of a fence a higher term: agents have seen one. The token
	// stays. It returns ErrTaken if that lead has ended.
	Raise(ctx context.Context, f Fence, term uint64) error
	// Doubt says that a member does not hear the controller that leads by this token, and
	// Trust that it hears it again. A doubt ends with its session. Doubt returns ErrTaken if
	// that lead has ended.
	Doubt(ctx context.Context, s Session, member string, token int64) error
	Trust(ctx context.Context, member string, token int64) error
	// End ends the lead of another controller, if at least so many members doubt it. It
	// returns ErrTaken if fewer do, or if that lead has ended.
	End(ctx context.Context, token int64, doubts int) error
	// Resign ends the own lead, and names the controller that is to lead next: nobody is kept
	// from taking the lead by that. An empty name means any. It returns ErrTaken if the lead has
	// ended already.
	Resign(ctx context.Context, f Fence, heir string) error
}

// Member is a controller of the cluster as the engine sees it.
type Member struct {
	ID      uint64
	Name    string // empty until it was started for the first time
	URLs    []string
	Learner bool // it has no vote yet
}

// Health is how the store of one member is.
type Health struct {
	Name string
	// Err says why the member cannot be asked. It is empty if it can.
	Err     string
	Version string // of the engine
	Leader  bool   // of the engine, which may be another member than the controller that leads
	// Lag is how many entries of the engine's log the member is behind.
	Lag uint64
	// Bytes is the size of the member's database, Used what of it is in use, and Quota its
	// bound.
	Bytes, Used, Quota int64
	// Alarms are in words, such as "NOSPACE: the database has reached its bound".
	Alarms []string
}

// Membership is who belongs to the cluster. With an engine that the site runs, its members
// are not controllers, and Add, Promote and Remove return an error that says so.
type Membership interface {
	Members(ctx context.Context) ([]Member, error)
	// Self is the ID of this process's member. It is zero if the site runs the engine.
	Self() uint64
	Health(ctx context.Context) ([]Health, error)
	// Add adds a member without a vote. The members that it must know are returned, with
	// itself.
	Add(ctx context.Context, url string) (added Member, all []Member, err error)
	// Promote gives a member its vote. It returns an error while the member is behind.
	Promote(ctx context.Context, id uint64) error
	Remove(ctx context.Context, id uint64) error
	// Announce keeps what a controller says of itself, and Announced has it, by name.
	// Withdraw forgets one. WatchAnnounced calls seen with all of it, first now and then
	// after each change, until ctx is done or the engine fails.
	Announce(ctx context.Context, name string, text []byte) error
	Withdraw(ctx context.Context, name string) error
	Announced(ctx context.Context) (map[string][]byte, error)
	WatchAnnounced(ctx context.Context, seen func(map[string][]byte)) error
}

// Batch is a part of a feed: whole lines, of records with ascending numbers.
type Batch struct {
	First, Last uint64
	Lines       []byte
}

// Feed is a log of numbered records, which every controller copies to its disk.
type Feed interface {
	// Append adds a batch of at most 512 kB. Its First must be greater than the Last of
	// the feed; otherwise, or if the fence no longer holds, it returns store.ErrConflict.
	Append(ctx context.Context, f Fence, b Batch) error
	// Read calls each with the batches that have records after a number, up to the newest
	// that was acknowledged when Read was called.
	Read(ctx context.Context, after uint64, each func(Batch) error) error
	// Follow does the same, and goes on with those to come, until ctx is done or the engine
	// fails.
	Follow(ctx context.Context, after uint64, each func(Batch) error) error
	// Trim removes the oldest batches beyond these bounds. It always keeps the newest.
	Trim(ctx context.Context, f Fence, records int, bytes int64) error
}

// Archives are the contents of bundles, by hash.
type Archives interface {
	// Put stores an archive. It is there for everybody when Put returns. about is what else
	// is known of it, at most 100 kB. Put may be called again, with another about; the
	// content may be nil then.
	Put(ctx context.Context, f Fence, hash string, about []byte, content io.Reader) error
	Remove(ctx context.Context, f Fence, hash string) error
	// List returns the about of each archive.
	List(ctx context.Context) (map[string][]byte, error)
	// Fetch writes an archive to w. It returns an error that wraps fs.ErrNotExist if there is
	// none.
	Fetch(ctx context.Context, hash string, w io.Writer) error
	// Watch calls changed with the List, first now and then after each change, until ctx is
	// done or the engine fails.
	Watch(ctx context.Context, changed func(map[string][]byte)) error
}
