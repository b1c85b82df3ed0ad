package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"
)

// Config is what an Archiver works with.
type Config struct {
	// Queue is the directory into which Zeek rotates, and Logs the archive; both
	// are absolute. They are created where missing.
	Queue, Logs string

	// Level is how hard to compress, from 1 to 9 as with gzip. 0 archives logs as
	// they are, without .gz. Nil means 6.
	Level *int

	// Parallel bounds the logs that are archived at the same time, up to 64. Zero
	// means 2, so that compression leaves the processors to the capture.
	Parallel int

	// Interval is the pause between looks at the queue while the kernel reports
	// nothing new in it: a log that could not be archived is tried again that
	// often, and retention is applied. Zero means a minute.
	Interval time.Duration

	// Periodic lets a log wait in the queue for the next of these looks, as
	// Zeek's agent does (spec management-api 5.12), for what wants to see it
	// there.
	Periodic bool

	// Command, if not empty, archives instead of this package: it is executed as
	// Command... -1 <queue> <logs>, without a shell, whenever there is something
	// in the queue. Retention remains with this package.
	Command []string

	// CommandTimeout bounds one run of Command; beyond it, it is killed with its
	// process group. Zero means an hour.
	CommandTimeout time.Duration

	// KeepDays is for how many days before today archived logs are kept. Zero
	// means for ever.
	KeepDays int

	// DiskPercent is the share of the archive's file system, 1 to 99 percent as
	// df shows it, beyond which archived logs are removed, oldest first. Those of
	// today are never removed. Zero means that none are.
	DiskPercent int

	// Logger receives what Run has to say. Nil discards it.
	Logger *slog.Logger
}

// The defaults of a Config.
const (
	DefaultLevel    = 6
	DefaultInterval = time.Minute
)

// Further defaults, and limits.
const (
	defaultParallel       = 2
	maxParallel           = 64
	defaultCommandTimeout = time.Hour

	// maxQueue bounds the entries of the queue that one sweep looks at; the others
	// wait for the next.
	maxQueue = 100_000

	// maxNumber bounds the logs that have one name in the archive; another one
	// stays in the queue.
	maxNumber = 1000

	maxCommandOutput = 4 << 10 // bytes of a command's output that are kept: the last ones
	maxOutputLines   = 10      // lines of them that are reported
)

// withDefaults returns c as it is to be used, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Level == nil {
		c.Level = new(DefaultLevel)
	}
	if c.Parallel == 0 {
		c.Parallel = defaultParallel
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.CommandTimeout == 0 {
		c.CommandTimeout = defaultCommandTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Queue, c.Logs = filepath.Clean(c.Queue), filepath.Clean(c.Logs)
	switch {
	case !filepath.IsAbs(c.Queue):
		return c, fmt.Errorf("log queue %q is not an absolute path", c.Queue)
	case !filepath.IsAbs(c.Logs):
		return c, fmt.Errorf("log archive %q is not an absolute path", c.Logs)
	case c.Queue == c.Logs:
		return c, fmt.Errorf("log queue and log archive are the same directory %s", c.Queue)
	case *c.Level < 0 || *c.Level > 9:
		return c, fmt.Errorf("compression level %d is outside 0..9", *c.Level)
	case c.Parallel < 0 || c.Parallel > maxParallel:
		return c, fmt.Errorf("%d logs at the same time are outside 1..%d", c.Parallel, maxParallel)
	case c.Interval < 0:
		return c, fmt.Errorf("interval %v is negative", c.Interval)
	case c.CommandTimeout < 0:
		return c, fmt.Errorf("command timeout %v is negative", c.CommandTimeout)
	case len(c.Command) > 0 && c.Command[0] == "":
		return c, errors.New("the archive command names no program")
	case c.KeepDays < 0:
		return c, fmt.Errorf("keeping logs for %d days is not possible", c.KeepDays)
	case c.DiskPercent < 0 || c.DiskPercent > 99:
		return c, fmt.Errorf("disk share of %d percent is outside 1..99", c.DiskPercent)
	}
	return c, nil
}
