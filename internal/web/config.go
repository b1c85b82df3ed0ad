package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/sso"
)

// Cluster is what the server needs of the controller.
type Cluster interface {
	Snapshot(ctx context.Context) (*mgmt.Snapshot, error)
	Submit(ctx context.Context, who mgmt.Principal, req mgmt.Request) (mgmt.Response, error)
	// Revision returns a revision with its configuration. If it is not there, or if its
	// configuration is not kept, the error is a *mgmt.NoRevisionError.
	Revision(ctx context.Context, number uint64) (*mgmt.ConfigRevision, error)
	// Changed returns a channel that is closed when the next Snapshot may differ.
	Changed() <-chan struct{}
}

// Authority is what the server needs of the cluster's authority.
type Authority interface {
	Ask(ctx context.Context, who mgmt.Principal, req access.Request) (access.Answer, error)
	Directory() *access.Directory
	Changed(f func(*access.Directory)) (stop func())
}

// Audit is what the server needs of the audit.
type Audit interface {
	Read(audit.Query) ([]mgmt.AuditRecord, error)
	Newest() uint64
	Wait(ctx context.Context, after uint64) error
}

// Happenings is what the server needs of the log of what happens.
type Happenings interface {
	Read(happenings.Query) ([]happenings.Record, error)
	Search(happenings.Query) (found []happenings.Record, rest uint64, err error)
	Oldest() uint64
	Newest() uint64
	Wait(ctx context.Context, after uint64) error
}

// Alerts is what the server needs of the part that watches the cluster.
type Alerts interface {
	// Book returns what is known of alerts. It must not be changed.
	Book() *mgmt.AlertBook
	// Ask makes a request. It refuses a role that is too low.
	Ask(ctx context.Context, who mgmt.Principal, req access.AlertRequest) (access.Answer, error)
	// Changed returns a channel that is closed when the next Book may differ.
	Changed() <-chan struct{}
}

// Config is what a Server needs to know. Cluster is required, unless there is Pass. The zero value of the other
// fields works.
type Config struct {
	Cluster Cluster
	// Pass, if not nil, answers each request that is let in, in place of the API. A request
	// that asks for a WebSocket is among them.
	Pass func(http.ResponseWriter, *http.Request, Connection)
	// Agents may be nil. Then agents cannot be asked for what they alone know.
	Agents Agents
	// Authority and Audit may be nil. Then nobody can join or log in, and there is no
	// audit to read.
	Authority Authority
	Audit     Audit
	// Controllers may be nil: then this controller has no others.
	Controllers Controllers
	// Leads says whether this controller leads and may say so to the others. It must not wait.
	// Nil means that Controllers says it.
	Leads func() bool
	// Backup writes a backup of what the controller keeps. Nil means that it cannot.
	Backup func(ctx context.Context, w io.Writer) error
	// Happenings may be nil: then there are no events.
	Happenings Happenings
	// Alerts may be nil: then there are no alerts.
	Alerts Alerts
	// Bundles may be nil: then this controller keeps no content of bundles.
	Bundles Bundles
	// SSO may be nil: then there is no single sign-on.
	SSO *sso.Provider
	// Samples may be nil: then nothing is known of what agents measure.
	Samples *samples.Store
	// Refused takes the refusals that no other part has recorded. Nil discards them.
	Refused func(mgmt.AuditRecord)
	// Recorded takes what the server itself has done for a user. Nil discards it.
	Recorded func(mgmt.AuditRecord)
	// Ready are checks by which the controller says whether it is ready, by the name of
	// what they check. They must not wait.
	Ready map[string]func() error
	// Metrics returns the controller's metrics for Prometheus. Nil means that there are none.
	Metrics func(context.Context) ([]byte, error)
	// MetricsAnonymous lets everybody read metrics.
	MetricsAnonymous bool
	// Counted, if not nil, is called with each request that was answered: the ID of its
	// operation, or "none", and the status.
	Counted func(operation string, status int, took time.Duration)
	// Name is the controller's name, Version is the program's version. Addresses are those
	// at which agents can join.
	Name, Version string
	Addresses     []string
	// BrokerPort is where agents that have joined connect. Zero means the usual port.
	BrokerPort uint16
	// HostNames are the names of this host that a request may have in its Host header. An
	// IP address and localhost are always allowed. "*." at the beginning of a name stands
	// for one label.
	HostNames []string
	// PlainElsewhere lets callers on other hosts speak plain HTTP.
	PlainElsewhere bool
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger

	Limits
}

// Limits bound what callers can use up. The zero value of every field works.
type Limits struct {
	// MaxConnections bounds the connections. At the bound, a connection that has not shown
	// who it is gives way: the address that has most of them loses its oldest one. Without
	// one, the connection that is idle longest gives way, and root's only to root's. Zero
	// means 256.
	MaxConnections int
	// ReservedConnections is the number of MaxConnections that are kept for root and the
	// controller's own user. Zero means 16.
	ReservedConnections int
	// MaxHeader bounds the header of a request, and MaxBody its body, in bytes. Zero means
	// 16 KiB and 1 MiB. The body of a request that anybody may make is bounded by 64 KiB
	// as well.
	MaxHeader, MaxBody int
	// HeaderTimeout bounds the time for reading a request's header, ReadTimeout that for
	// the whole request, and WriteTimeout the time from there to the end of the answer.
	// IdleTimeout is how long a connection waits for its next request. Zero means 5 s,
	// 15 s, 90 s and 60 s.
	HeaderTimeout, ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// MaxValues bounds the JSON values in the body of a request, and MaxConfigurationValues
	// those of a request that has a configuration. Each takes up to a kilobyte while it is
	// checked, however short it is. Zero means 30,000 and 500,000. The body of a request
	// that anybody may make has at most 1000.
	MaxValues, MaxConfigurationValues int
	// MaxConfiguration bounds the body of a request that has a configuration, in bytes, in
	// place of MaxBody. Such bodies are read for users who may make the request, at most
	// MaxConfigurations at once, and each within ConfigurationTimeout. A request waits up
	// to MaxWait for its turn. Zero means 48 MiB, in which 20,000 nodes have 2,400 bytes
	// each, 2, and 60 s.
	MaxConfiguration, MaxConfigurations int
	ConfigurationTimeout                time.Duration
	// MaxWait bounds how long a request may ask the server to wait. Zero means 60 s.
	MaxWait time.Duration
	// AgentWait bounds the wait for what an agent tells, and MaxTold that in bytes.
	// MaxToldValues bounds the JSON values in it, of which each takes memory, however
	// short it is. Zero means 10 s, 16 MiB and 200,000.
	AgentWait              time.Duration
	MaxTold, MaxToldValues int
	// MaxFleetQuestions bounds the requests that ask all agents at a time, so that they leave
	// room for those that ask one. A further one waits for up to AgentWait. Zero means 2.
	MaxFleetQuestions int
	// MaxScrapes bounds the metrics that are being read for Prometheus, and MaxScrapesOfOne
	// those of one instance. A further scrape waits for up to AgentWait. Zero means 16 and 3:
	// there are more streams, and the others are for people.
	MaxScrapes, MaxScrapesOfOne int
	// ListInterval is how often agents may be asked to list their nodes because the
	// controller does not know a state or a PID, and ListWait bounds the wait for that.
	// Zero means 2 s and 2 s.
	ListInterval, ListWait time.Duration
	// RoleInterval is how often the server looks whether somebody who follows a text may
	// still read it. Zero means 10 s.
	RoleInterval time.Duration
	// AttemptsBurst is how often one address may try to join or to log in at once, and
	// AttemptInterval how often after that. AllAttemptsBurst and AllAttemptInterval are
	// the same for all addresses together. Many hosts may join from behind one address.
	// Zero means 30, 2 s, 200 and 20 ms.
	AttemptsBurst, AllAttemptsBurst     int
	AttemptInterval, AllAttemptInterval time.Duration
	// MaxAttempters bounds the addresses that are remembered for it. Zero means 10,000.
	MaxAttempters int
	// MaxSessions bounds the sessions of browsers. At the bound, the user with most of
	// them loses the oldest one. Zero means 1000.
	MaxSessions int
	// SessionLife is how long a session lasts. Zero means 12 hours.
	SessionLife time.Duration
	// MaxStreams bounds the event streams, and MaxStreamsOfOne those of one user. Zero means 64
	// and 16. MaxFollows bounds those who follow outputs of nodes on one instance. It must be
	// below the streams that an agent sends, so that others can be sent meanwhile. Zero means 6.
	// At MaxStreams and MaxFollows a user with fewer of them gets the oldest of the user with
	// the most.
	MaxStreams, MaxStreamsOfOne, MaxFollows int
	// StreamSilence is after how long without an event a stream says that it lives. Zero means
	// 15 s. StreamPatience is how long a reader may take for what the stream sends at once. A
	// slower one is dropped, and a reader that needs half of it is told so first. Zero means
	// 20 s.
	StreamSilence, StreamPatience time.Duration
	// MaxForm bounds the body of a form, in bytes. MaxGiven bounds a configuration in a form, in
	// bytes, MaxGivenValues its JSON values, and MaxGivenText the bytes of all values of a cluster
	// file with what its sections inherit. A larger configuration goes through the API. A page
	// shows up to MaxGivenWarnings warnings about one. Zero means 64 KiB, 1 MiB, 100,000, 8 MiB
	// and 50.
	MaxForm, MaxGiven, MaxGivenValues, MaxGivenText, MaxGivenWarnings int
	// PageBurst is how many changes an open page gets at once, and PageInterval the time between
	// further ones. PageSilence is after how long without a change the server looks by itself:
	// figures grow old without a sign. FiguresInterval is the least time between two looks at
	// the figures of all instances. Zero means 4, 250 ms, 5 s and 1 s.
	PageBurst                                  int
	PageInterval, PageSilence, FiguresInterval time.Duration
	// UploadTimeout bounds the time for a part of a bundle. What has arrived until then
	// counts. MaxUploads bounds the parts that are read at a time, and MaxPulls the bundles
	// that are sent. One user has half of each. Zero means 60 s, 4 and 8.
	UploadTimeout        time.Duration
	MaxUploads, MaxPulls int
	// MaxManifests bounds the lists of the files of large bundles that are sent, of which one
	// user has half: such a list has megabytes. Zero means 4.
	MaxManifests int
	// StopTimeout bounds the wait for requests at the end. Zero means 2 s.
	StopTimeout time.Duration
}

// maxOpenBody bounds the body of a request that anybody may make, in bytes: two signing
// requests and a token.
const maxOpenBody = 64 << 10

// maxOpenValues bounds the JSON values in it.
const maxOpenValues = 1000

func (c Config) withDefaults() (Config, error) {
	if c.Recorded == nil {
		c.Recorded = func(mgmt.AuditRecord) {}
	}
	if c.Refused == nil {
		c.Refused = func(mgmt.AuditRecord) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	err := c.Limits.fill()
	if c.Cluster == nil && c.Pass == nil {
		err = errors.Join(errors.New("Cluster is missing"), err)
	}
	return c, err
}

// fill puts defaults into fields that are zero.
func (c *Limits) fill() error {
	var errs []error
	count := func(name string, n *int, zero int) { errs = append(errs, fillOne(name, n, zero)) }
	duration := func(name string, d *time.Duration, zero time.Duration) { errs = append(errs, fillOne(name, d, zero)) }
	count("MaxConnections", &c.MaxConnections, 256)
	count("ReservedConnections", &c.ReservedConnections, 16)
	count("MaxHeader", &c.MaxHeader, 16<<10)
	count("MaxBody", &c.MaxBody, 1<<20)
	count("MaxValues", &c.MaxValues, 30_000)
	count("MaxConfigurationValues", &c.MaxConfigurationValues, 500_000)
	count("MaxConfiguration", &c.MaxConfiguration, 48<<20)
	count("MaxConfigurations", &c.MaxConfigurations, 2)
	duration("AgentWait", &c.AgentWait, 10*time.Second)
	duration("ListInterval", &c.ListInterval, 2*time.Second)
	duration("ListWait", &c.ListWait, 2*time.Second)
	count("MaxTold", &c.MaxTold, 16<<20)
	count("MaxToldValues", &c.MaxToldValues, 200_000)
	count("MaxFleetQuestions", &c.MaxFleetQuestions, 2)
	count("MaxScrapes", &c.MaxScrapes, 16)
	count("MaxScrapesOfOne", &c.MaxScrapesOfOne, 3)
	duration("RoleInterval", &c.RoleInterval, 10*time.Second)
	count("AttemptsBurst", &c.AttemptsBurst, 30)
	count("AllAttemptsBurst", &c.AllAttemptsBurst, 200)
	count("MaxAttempters", &c.MaxAttempters, 10_000)
	count("MaxStreams", &c.MaxStreams, 64)
	count("MaxStreamsOfOne", &c.MaxStreamsOfOne, 16)
	count("MaxFollows", &c.MaxFollows, 6)
	count("MaxForm", &c.MaxForm, 64<<10)
	count("MaxGiven", &c.MaxGiven, 1<<20)
	count("MaxGivenValues", &c.MaxGivenValues, 100_000)
	count("MaxGivenText", &c.MaxGivenText, 8<<20)
	count("MaxGivenWarnings", &c.MaxGivenWarnings, 50)
	count("PageBurst", &c.PageBurst, 4)
	duration("PageInterval", &c.PageInterval, 250*time.Millisecond)
	duration("PageSilence", &c.PageSilence, 5*time.Second)
	duration("FiguresInterval", &c.FiguresInterval, time.Second)
	duration("StreamSilence", &c.StreamSilence, 15*time.Second)
	duration("StreamPatience", &c.StreamPatience, 20*time.Second)
	count("MaxSessions", &c.MaxSessions, 1000)
	duration("HeaderTimeout", &c.HeaderTimeout, 5*time.Second)
	duration("ReadTimeout", &c.ReadTimeout, 15*time.Second)
	duration("WriteTimeout", &c.WriteTimeout, 90*time.Second)
	duration("IdleTimeout", &c.IdleTimeout, time.Minute)
	duration("ConfigurationTimeout", &c.ConfigurationTimeout, time.Minute)
	duration("MaxWait", &c.MaxWait, time.Minute)
	duration("AttemptInterval", &c.AttemptInterval, 2*time.Second)
	duration("AllAttemptInterval", &c.AllAttemptInterval, 20*time.Millisecond)
	duration("SessionLife", &c.SessionLife, 12*time.Hour)
	duration("UploadTimeout", &c.UploadTimeout, time.Minute)
	count("MaxUploads", &c.MaxUploads, 4)
	count("MaxPulls", &c.MaxPulls, 8)
	count("MaxManifests", &c.MaxManifests, 4)
	duration("StopTimeout", &c.StopTimeout, 2*time.Second)
	if c.ReservedConnections >= c.MaxConnections {
		errs = append(errs, fmt.Errorf("ReservedConnections (%d) is not below MaxConnections (%d)", c.ReservedConnections, c.MaxConnections))
	}
	if c.MaxWait >= c.WriteTimeout {
		errs = append(errs, fmt.Errorf("MaxWait (%s) is not below WriteTimeout (%s)", c.MaxWait, c.WriteTimeout))
	}
	return errors.Join(errs...)
}

// fillOne puts the default into a field that is zero. A field must not be negative.
func fillOne[T int | time.Duration](name string, field *T, zero T) error {
	switch {
	case *field < 0:
		return fmt.Errorf("%s is negative", name)
	case *field == 0:
		*field = zero
	}
	return nil
}
