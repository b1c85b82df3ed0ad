package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// Run looks for the core file of each crash and adds the debugger's backtrace to the
// record, one crash at a time. The debugger has the lowest priority and a deadline.
// Run ends when ctx is done and returns the cause of ctx. If it is then examining a
// crash, the next Run examines that crash again.
func (s *Store) Run(ctx context.Context) error {
	for {
		if err := s.examineAll(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("crashes could not be examined", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.kick:
		}
	}
}

func (s *Store) examineAll(ctx context.Context) error {
	records, err := s.All()
	errs := []error{err}
	for _, r := range slices.Backward(records) { // oldest first
		if !r.Pending {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		s.examine(ctx, &r)
		if ctx.Err() != nil {
			break // the debugger was interrupted
		}
		r.Pending = false
		if err := s.update(ctx, r); err != nil {
			errs = append(errs, fmt.Errorf("update crash record of node %s: %w", r.Node, err))
			continue
		}
		errs = append(errs, s.removeOldCores(ctx, r.Node))
		s.cfg.Logger.Info("crash examined", "node", r.Node, "core", r.Core)
	}
	return errors.Join(errs...)
}

// removeOldCores removes the core files of a node that exceed Config.Cores, so that a
// node that crashes again and again does not fill the disk. The records stay.
func (s *Store) removeOldCores(ctx context.Context, node mgmt.NodeName) error {
	records, _ := s.List(node) // examineAll has reported unreadable records
	kept := map[string]bool{}
	var errs []error
	for _, r := range records { // newest first
		if r.Core == "" || kept[r.Core] || filepath.Dir(r.Core) != filepath.Clean(r.Dir) {
			continue
		}
		if len(kept) < s.cfg.Cores {
			kept[r.Core] = true
			continue
		}
		info, err := os.Lstat(r.Core)
		if err != nil || !info.Mode().IsRegular() || !r.lived(info.ModTime()) {
			continue // it is gone, or another file has its name
		}
		if err := os.Remove(r.Core); err != nil {
			errs = append(errs, fmt.Errorf("remove an old core file: %w", err))
			continue
		}
		r.Core = ""
		r.Note = strings.TrimPrefix(r.Note+"; the core file was removed to make room for newer ones", "; ")
		errs = append(errs, s.update(ctx, r))
	}
	return errors.Join(errs...)
}

// examine looks for r's core file and sets r.Core, r.Backtrace and r.Note.
func (s *Store) examine(ctx context.Context, r *Record) {
	pattern, err := s.corePattern()
	if err != nil {
		r.Note = fmt.Sprintf("no core file: %v", err)
		return
	}
	if program, ok := pattern.handler(); ok {
		if r.Exit.Known {
			r.Note = handled(program, *r)
		}
		return
	}
	path, ok := pattern.find(*r)
	switch {
	case ok:
		r.Core = path
		r.Backtrace, err = s.backtrace(ctx, r.Program, path)
		if err != nil {
			r.Note = fmt.Sprintf("no backtrace: %v", err)
		}
	case r.Exit.Known:
		r.Note = fmt.Sprintf("the core file is not where core_pattern %q says", pattern.text)
	}
}

// backtrace returns the beginning of the debugger's output for a core file.
func (s *Store) backtrace(ctx context.Context, program, core string) (string, error) {
	debugger, err := exec.LookPath(s.cfg.Debugger)
	if err != nil {
		return "", fmt.Errorf("%s is not installed", s.cfg.Debugger)
	}
	if !filepath.IsAbs(program) {
		return "", errors.New("the program is not known")
	}
	// The node's user can replace the core file. So the debugger gets the file that is
	// opened and checked here, as a descriptor and not by its name.
	opened, err := durable.OpenSole(core)
	if err != nil {
		return "", err
	}
	defer opened.Close()
	as, err := debuggerUser(opened, core)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.BacktraceTimeout,
		fmt.Errorf("%s took more than %v", s.cfg.Debugger, s.cfg.BacktraceTimeout))
	defer cancel()
	output := &run.Head{Limit: maxText}
	err = run.Program{
		Argv: []string{
			debugger, "-batch", "-nx",
			"-iex", "set auto-load no", // do not execute scripts that the debugger finds
			"-ex", "bt 100", "-ex", "thread apply all bt 100",
			program, "/proc/self/fd/3",
		},
		Env:    append(os.Environ(), "LC_ALL=C", "DEBUGINFOD_URLS="), // no downloads
		Dir:    "/",
		Files:  []*os.File{opened}, // descriptor 3
		Stdout: output,
		Stderr: output,
		Nice:   lowestPriority,
		As:     as,
	}.Run(ctx)
	text := strings.TrimSpace(strings.ToValidUTF8(output.String(), "?"))
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return "", cause
	case err != nil:
		return "", fmt.Errorf("%s: %v: %s", s.cfg.Debugger, err, mgmt.LastLines(text, 1, false))
	case text == "":
		return "", fmt.Errorf("%s printed nothing", s.cfg.Debugger)
	}
	return text, nil
}

const lowestPriority = 19

// debuggerUser returns the user as whom the debugger runs: the owner of the core file. The content
// of the file is in the hands of that user, and the debugger may have faults. It is nil unless this
// process is root and the owner is not.
//
// A node that runs as another user rules its directory. Files of root there, such as its output,
// can have got the name of a core file. What is in them is the node's work, so root's debugger does
// not read them.
func debuggerUser(core *os.File, path string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var file, dir syscall.Stat_t
	if err := errors.Join(syscall.Fstat(int(core.Fd()), &file), syscall.Stat(filepath.Dir(path), &dir)); err != nil {
		return nil, fmt.Errorf("whose the core file is: %w", err)
	}
	switch {
	case file.Uid != 0:
		return &syscall.Credential{Uid: file.Uid, Gid: file.Gid}, nil
	case dir.Uid != 0:
		return nil, errors.New("the core file is root's, in a directory of another user")
	}
	return nil, nil
}
