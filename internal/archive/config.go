package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"
)

// Config configures an Archiver.
type Config struct {
	// Queue is the directory into which Zeek rotates its logs. Logs is the archive.
	// Both are absolute. New creates them if they do not exist.
	Queue, Logs string

	// Level is the compression level, 1 to 9 as with gzip. 0 archives logs without
	// compression. Nil means DefaultLevel.
	Level *int

	// Parallel is how many logs are archived at the same time, at most 64. Zero
	// means 2, so that compression leaves most processors to the capture.
	Parallel int

	// Interval is the longest time between two sweeps of Run. A sweep tries again
	// the logs that could not be archived, and applies retention. Run sweeps earlier
	// when the kernel reports a new file in the queue. Zero means DefaultInterval.
	Interval time.Duration

	// Periodic makes Run sweep at each Interval only, as Zeek's agent does (spec
	// management-api 5.12). Until then other programs can find a log in the queue.
	Periodic bool

	// Command, if not empty, archives the logs instead of this package. It runs as
	// Command... -1 <queue> <logs>, without a shell, whenever the queue has files.
	// This package still does the retention.
	Command []string

	// As is the user as whom Command runs. Nil means that of this process. Programs as whose user
	// the logs come can put links into the queue, and files with any names. New gives
	// the user the archive and its directories of days, but not what is in them.
	As *syscall.Credential

	// CommandTimeout bounds one run of Command. After it, Command is killed with its
	// process group. Zero means an hour.
	CommandTimeout time.Duration

	// KeepDays is for how many days before today archived logs are kept. Zero
	// means for ever.
	KeepDays int

	// DiskPercent is how full the archive's file system may become, from 1 to 99
	// percent as df shows it. Beyond that, archived logs are removed, oldest first,
	// but never those of today. Zero means that no log is removed.
	DiskPercent int

	// Logger receives the messages of Run and Drain. Nil discards them.
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

	// maxQueue bounds the entries of the queue that one sweep reads. The other
	// entries wait for the next sweep.
	maxQueue = 100_000

	// maxNumber bounds the logs with the same name in the archive. A further log
	// stays in the queue.
	maxNumber = 1000

	maxCommandOutput = 4 << 10 // the last bytes of a command's output that are kept
	maxOutputLines   = 10      // the last lines of these that are reported
)

// withDefaults returns c with the defaults filled in, or an error if a value is
// not valid.
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
