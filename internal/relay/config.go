package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// Config is what a Relay needs to know. Name, Certificate and Judge are required. The zero
// value of the other fields works.
type Config struct {
	// Name is the name of this controller.
	Name string
	// Certificate returns the certificate of this controller. Judge returns whose certificate
	// another controller has shown, as in bus.TLS.
	Certificate func() (*tls.Certificate, error)
	Judge       func(chain []*x509.Certificate) (string, error)
	// Connect opens connections, below TLS. Nil means TCP.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	// HostNames and PlainElsewhere are those of web.Config.
	HostNames      []string
	PlainElsewhere bool
	// Ready are checks by which this controller says whether it is ready, by the name of
	// what they check. They must not wait.
	Ready map[string]func() error
	// Metrics returns this controller's metrics. Nil means that there are none.
	// MetricsAnonymous lets everybody read them.
	Metrics          func(context.Context) ([]byte, error)
	MetricsAnonymous bool
	// Leads says whether this controller leads and may say so to the others. It must not wait.
	// Nil means that Follow says it.
	Leads func() bool
	// Clock is told with each good Pulse how far the clock of the controller that leads is ahead of
	// this one, to a second or two. It must not wait. Nil tells nobody.
	Clock func(ahead time.Duration)
	// Controllers returns what this controller knows of all controllers. Nil leaves the
	// question to the controller that leads.
	Controllers func(context.Context) (*mgmt.ControllersReport, error)
	// Backup writes a backup of what the controllers keep. Nil means that there is none.
	Backup func(context.Context, io.Writer) error
	// Recorded takes what the relay itself has done for a user, for the audit. Nil discards
	// it.
	Recorded func(mgmt.AuditRecord)
	// Refused takes the refusals for the audit. Nil discards them.
	Refused func(mgmt.AuditRecord)
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
	// Web bounds what callers can use up.
	Web web.Limits

	Limits
}

// Limits bound what the relay itself does. The zero value of every field works.
type Limits struct {
	// LeaderWait is how long a request waits while no controller leads, or while that which
	// leads cannot be reached. RetryDelay is the pause between two attempts. Zero means 5 s
	// and 100 ms.
	LeaderWait, RetryDelay time.Duration
	// DialTimeout bounds the time for a connection to one address of a controller. Zero means
	// 2 s.
	DialTimeout time.Duration
	// PulseKept is for how long a connection is kept for pulses. A pulse on a new connection
	// shows that the controller that leads still takes new ones, and still believes the
	// certificate of this one. Zero means 1 s.
	PulseKept time.Duration
	// AnswerTimeout bounds the time from the end of a request to the beginning of its answer.
	// Zero means 4 minutes: some requests wait for other hosts on purpose.
	AnswerTimeout time.Duration
	// Grace is how long a request that changes something may go on after its controller has
	// ceased to lead: its answer may be on its way. Zero means half a second.
	Grace time.Duration
	// Patience is how long a caller may take for a part of an answer, or for a part of its
	// request. Zero means 20 s.
	Patience time.Duration
	// MaxConnections bounds the connections to the controller that leads. A further request
	// waits for one. It must be well below MaxHTTP of that controller. Zero means 100.
	MaxConnections int
	// MaxKept bounds the answers that are kept for reads that may be older, MaxKeptBytes
	// their bytes together, and MaxKeptAnswer those of one. Zero means 256, 8 MiB and 1 MiB.
	MaxKept, MaxKeptBytes, MaxKeptAnswer int
	// MaxAge bounds how old an answer may be that is kept. Zero means 1 minute.
	MaxAge time.Duration
}

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Name == "" || c.Certificate == nil || c.Judge == nil {
		errs = append(errs, errors.New("one of Name, Certificate and Judge is missing"))
	}
	fill := func(name string, field *time.Duration, zero time.Duration) {
		errs = append(errs, fillOne(name, field, zero))
	}
	fill("LeaderWait", &c.LeaderWait, 5*time.Second)
	fill("RetryDelay", &c.RetryDelay, 100*time.Millisecond)
	fill("DialTimeout", &c.DialTimeout, 2*time.Second)
	fill("PulseKept", &c.PulseKept, time.Second)
	fill("AnswerTimeout", &c.AnswerTimeout, 4*time.Minute)
	fill("Grace", &c.Grace, 500*time.Millisecond)
	fill("Patience", &c.Patience, 20*time.Second)
	fill("MaxAge", &c.MaxAge, time.Minute)
	errs = append(errs,
		fillOne("MaxConnections", &c.MaxConnections, 100),
		fillOne("MaxKept", &c.MaxKept, 256),
		fillOne("MaxKeptBytes", &c.MaxKeptBytes, 8<<20),
		fillOne("MaxKeptAnswer", &c.MaxKeptAnswer, 1<<20),
	)
	if c.Connect == nil {
		c.Connect = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if c.Clock == nil {
		c.Clock = func(time.Duration) {}
	}
	if c.Recorded == nil {
		c.Recorded = func(mgmt.AuditRecord) {}
	}
	if c.Refused == nil {
		c.Refused = func(mgmt.AuditRecord) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(errs...)
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
