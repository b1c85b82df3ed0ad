package alerting

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Event is something that happened. The set is closed.
type Event interface{ isEvent() }

type (
	// Seen is the cluster as the controller knows it now.
	Seen struct{ Snapshot *mgmt.Snapshot }
	// Logged are records of the log of happenings up to the number Upto, in order. Replayed
	// says that they were written before this Machine was made: then alerts among them are
	// what the Machine before has told.
	Logged struct {
		Log      string
		Records  []mgmt.Happening
		Upto     uint64
		Replayed bool
	}
	// Sampled are the newest samples of hosts.
	Sampled struct{ Hosts []Host }
	// Certificates are all certificates whose end matters.
	Certificates struct{ List []Certificate }
	// Members are the controllers of the cluster, as this one knows them now.
	Members struct{ Report *mgmt.ControllersReport }
	// Asked is a request of a user. A Reply with its ID answers it.
	Asked struct {
		ID      uint64
		Who     mgmt.Principal
		Request access.AlertRequest
	}
	// Saved answers a Save.
	Saved struct{ Err string }
	// Untold says that a Tell could not be written.
	Untold struct{ List []mgmt.Happening }
	// Tick says that the time of NextWake has come.
	Tick struct{}
)

func (Seen) isEvent()         {}
func (Logged) isEvent()       {}
func (Sampled) isEvent()      {}
func (Certificates) isEvent() {}
func (Members) isEvent()      {}
func (Asked) isEvent()        {}
func (Saved) isEvent()        {}
func (Untold) isEvent()       {}
func (Tick) isEvent()         {}

// Host is what was measured of a host. Rates are per second.
type Host struct {
	Instance mgmt.InstanceName
	Heard    time.Time // when the sample came
	// Skew is how far the host's clock is before the controller's. Unsynced says that nothing
	// keeps it right.
	Skew       time.Duration
	Unsynced   bool
	Disks      []mgmt.Disk
	Interfaces []Flow
	Nodes      []Flow
}

// Flow is what an interface or a worker has taken.
type Flow struct {
	Name      string // of the interface or the node
	Interface string // of a node
	// Capture says of an interface that nodes capture on it, and of a node that it captures.
	// Link says of an interface that it is up and has a link.
	Capture, Link bool
	// Known says that the rates are known.
	Known              bool
	Packets, DropShare float64
}

// Certificate is a certificate whose end matters.
type Certificate struct {
	// Subject says whose it is, as in "controller", "agent/sensor-1" or "file /etc/x.pem".
	Subject  string
	Instance mgmt.InstanceName
	// Begins may be zero.
	Begins, Ends time.Time
}

// An Effect is something that the shell must do now, in the order given.
type Effect interface{ IsEffect() }

type (
	// Tell asks the shell to write these into the log of happenings. If it cannot, Untold
	// answers it.
	Tell struct{ List []mgmt.Happening }
	// Save asks the shell to store the state durably. Saved answers it. It is the last effect
	// of its Step.
	Save struct{ State []byte }
	// Changed says that the book is another one.
	Changed struct{}
	// Test asks the shell to send a test to a receiver, and to answer the request.
	Test struct {
		ID   uint64
		Name string
	}
	// Reply answers a request.
	Reply struct {
		ID     uint64
		Answer access.Answer
	}
	// Audit asks the shell to keep a record. It comes before the Reply that it is about.
	Audit struct{ Record mgmt.AuditRecord }
	// Note is for the log of the program.
	Note = note.Note
)

func (Tell) IsEffect()    {}
func (Save) IsEffect()    {}
func (Changed) IsEffect() {}
func (Test) IsEffect()    {}
func (Reply) IsEffect()   {}
func (Audit) IsEffect()   {}
