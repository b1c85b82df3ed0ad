package leading

import (
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// Done is the outcome of a call. Each call has one, at the latest when its deadline has
	// passed.
	Done struct {
		ID   uint64
		How  Outcome
		Why  string         // unless it is OK
		Made quorum.Session // by Begin
		Lead quorum.Lead    // by Take
		Counted
	}
	// Saw says who leads, by the watch with this ID.
	Saw struct {
		Watch uint64
		Lead  quorum.Lead
	}
	// WatchEnded says that the watch with this ID has ended.
	WatchEnded struct {
		Watch uint64
		Why   string
	}
	// TermEnded says that a term has closed. Why says why it has ended by itself. Conflict says
	// that the store has refused a write, as another controller leads.
	TermEnded struct {
		Token    int64
		Why      string
		Conflict bool
	}
	// TermSeen says that an agent has obeyed a controller of this term.
	TermSeen struct{ Term uint64 }
	// Standing says whether the copies of this controller lack the latest.
	Standing struct{ Behind bool }
	// HandOver asks this controller to resign, so that another one leads: the one with the name,
	// if there is one. The others leave it Config.Heir for that.
	HandOver struct{ To string }
	// Stop asks it to resign and to end. Stopped is the last effect then.
	Stop struct{}
	// Tick says that the time of NextWake has come.
	Tick struct{}
)

// Counted is what a Count has found.
type Counted struct {
	// Voters is the number of members with a vote, or of the controllers that have announced
	// themselves if the site runs the store.
	Voters int
	// Live are the members that have a session.
	Live []string
	// Learner says that this controller has no vote.
	Learner bool
}

func (Done) isEvent()       {}
func (Saw) isEvent()        {}
func (WatchEnded) isEvent() {}
func (TermEnded) isEvent()  {}
func (TermSeen) isEvent()   {}
func (Standing) isEvent()   {}
func (HandOver) isEvent()   {}
func (Stop) isEvent()       {}
func (Tick) isEvent()       {}

// Outcome is how a call has ended.
type Outcome uint8

// The outcomes. Failed leaves open whether the call has taken effect.
const (
	OK Outcome = iota
	// Taken is quorum.ErrTaken.
	Taken
	// Ended is quorum.ErrSession.
	Ended
	// Refused says of an Ask that the connection was refused, or that the controller says
	// itself that it does not lead.
	Refused
	// Disbelieved says of an Ask that this controller does not believe the certificate of the
	// other one. A clock is wrong, and it may be that of this controller.
	Disbelieved
	Failed
)

// An Effect is something that the shell must do now, in the order given. It must not wait for
// the outcome of a call.
type Effect interface{ IsEffect() }

type (
	// Begin, Renew, EndSession, Take, Raise, Doubt, Trust, End and Resign call the method of
	// quorum.Election with the same name.
	Begin struct{ ID uint64 }
	Renew struct {
		ID      uint64
		Session quorum.Session
	}
	EndSession struct {
		ID      uint64
		Session quorum.Session
	}
	Take struct {
		ID      uint64
		Session quorum.Session
		AtLeast uint64
	}
	Raise struct {
		ID    uint64
		Token int64
		Term  uint64
	}
	Doubt struct {
		ID      uint64
		Session quorum.Session
		Token   int64
	}
	Trust struct {
		ID    uint64
		Token int64
	}
	End struct {
		ID     uint64
		Token  int64
		Doubts int
	}
	Resign struct {
		ID    uint64
		Token int64
		Heir  string
	}
	// Count asks how many members there are.
	Count struct{ ID uint64 }
	// Ask asks a controller whether it leads.
	Ask struct {
		ID uint64
		Of string
	}
	// Watch watches who leads, in place of every earlier watch.
	Watch struct{ ID uint64 }
	// Open begins a term. TermEnded says when it has closed.
	Open struct{ Lead quorum.Lead }
	// Depose ends a term. InOrder says that the lead goes on until the term has closed, or for
	// Config.Close.
	Depose struct {
		Token   int64
		Why     string
		InOrder bool
	}
	// Changed says that the View is another one.
	Changed struct{ View View }
	// Stopped is the last effect.
	Stopped struct{}
	// Note is for the log of the program.
	Note = note.Note
)

func (Begin) IsEffect()      {}
func (Renew) IsEffect()      {}
func (EndSession) IsEffect() {}
func (Take) IsEffect()       {}
func (Raise) IsEffect()      {}
func (Doubt) IsEffect()      {}
func (Trust) IsEffect()      {}
func (End) IsEffect()        {}
func (Resign) IsEffect()     {}
func (Count) IsEffect()      {}
func (Ask) IsEffect()        {}
func (Watch) IsEffect()      {}
func (Open) IsEffect()       {}
func (Depose) IsEffect()     {}
func (Changed) IsEffect()    {}
func (Stopped) IsEffect()    {}
