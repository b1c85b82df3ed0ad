package hosttool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// Config says what may be run.
type Config struct {
	// Commands are those that the operator of the host allows. None means that nothing may
	// be run.
	Commands []mgmt.HostCommand
	// User is the user as whom commands run. Empty means nobody if this process runs as root,
	// and else the user of this process.
	User string
	// Timeout bounds a command. Zero means 20 s. At the end the command and everything that
	// it has started are killed.
	Timeout time.Duration
	// Most is how many commands run at the same time. Zero means 2. A further one is refused.
	Most int
	// Logger gets a record of each command. Nil means none.
	Logger *slog.Logger
}

// Runner runs commands. Any goroutine may use it.
type Runner struct {
	cfg   Config
	as    *syscall.Credential // nil: as this process
	user  string
	turns chan struct{}
}

// New returns a runner. The error says that the user is not known.
func New(cfg Config) (*Runner, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 20 * time.Second
	}
	cfg.Timeout = min(cfg.Timeout, mgmt.MaxHostCommandTime)
	if cfg.Most <= 0 {
		cfg.Most = 2
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{cfg: cfg, turns: make(chan struct{}, cfg.Most)}
	if len(cfg.Commands) == 0 {
		return r, nil
	}
	return r, r.become(cfg.User)
}

// become finds the user as whom commands run.
func (r *Runner) become(name string) error {
	if name == "" {
		if os.Geteuid() != 0 && hasAmbient() {
			return errors.New("commands on this host (agent.exec) would have the ambient capabilities of the agent: run the agent without them, or as root")
		}
		if os.Geteuid() != 0 {
			r.user = strconv.Itoa(os.Geteuid())
			return nil
		}
		name = "nobody"
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("user of commands on this host (agent.exec_user): %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("user %s of commands on this host (agent.exec_user): %w", name, err)
	}
	r.user = name
	if int(uid) != os.Geteuid() {
		r.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return nil
}

// hasAmbient reports whether programs that this process starts get capabilities from it.
func hasAmbient() bool {
	for c := range uintptr(64) {
		set, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, c, 0, 0)
		if err != nil {
			return false // the kernel knows no further capability
		}
		if set != 0 {
			return true
		}
	}
	return false
}

// Exec runs a command if the host allows it. An error for people is a *mgmt.StreamError.
func (r *Runner) Exec(ctx context.Context, q mgmt.ExecQuery) (mgmt.ExecReport, error) {
	if err := q.Check(); err != nil {
		return mgmt.ExecReport{}, &mgmt.StreamError{Code: mgmt.StreamInvalid, Text: err.Error()}
	}
	if err := r.allow(q); err != nil {
		return mgmt.ExecReport{}, err
	}
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	default:
		return mgmt.ExecReport{}, &mgmt.StreamError{Code: mgmt.StreamBusy, Text: fmt.Sprintf("this host runs %d commands for others: try again", r.cfg.Most)}
	}
	r.cfg.Logger.Info("a command is run for an admin", "command", q.Argv, "who", q.Who, "user", r.user)
	return r.run(ctx, q.Argv), nil
}

// allow returns why a command may not be run, or nothing.
func (r *Runner) allow(q mgmt.ExecQuery) error {
	for _, c := range r.cfg.Commands {
		if c.Allows(q.Argv) {
			return nil
		}
	}
	why := "this host does not allow that command: its operator lists in agent.exec what may be run"
	if len(r.cfg.Commands) == 0 {
		why = "this host runs no commands for others: its operator can allow some with agent.exec"
	}
	r.cfg.Logger.Warn("a command was refused", "command", q.Argv, "who", q.Who)
	return &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: why}
}

func (r *Runner) run(ctx context.Context, argv []string) mgmt.ExecReport {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Timeout, fmt.Errorf("it took longer than %v", r.cfg.Timeout))
	defer cancel()
	said := &head{limit: mgmt.MaxHostOutput}
	began := time.Now()
	err := run.Program{
		Argv: argv, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}, Dir: "/",
		Stdout: said, Stderr: said, As: r.as,
	}.Run(ctx)
	report := mgmt.ExecReport{Output: strings.ToValidUTF8(said.text.String(), "?"), Cut: said.cut, User: r.user, Took: time.Since(began)}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		if report.Exit = ended.ExitCode(); report.Exit < 0 {
			report.Failure = ended.String()
		}
	} else if err != nil {
		report.Exit, report.Failure = -1, err.Error()
	}
	return report
}

// head keeps the beginning of what is written to it.
type head struct {
	text  bytes.Buffer // not embedded: its ReadFrom knows no limit
	limit int
	cut   bool
}

func (h *head) Write(p []byte) (int, error) {
	room := h.limit - h.text.Len()
	h.cut = h.cut || len(p) > room
	h.text.Write(p[:min(len(p), room)])
	return len(p), nil
}
