package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command has the external command archive what is in the queue, as a
// Management agent does (spec management-api 5.12).
func (a *Archiver) command(ctx context.Context, files int) error {
	if files == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.cfg.CommandTimeout,
		fmt.Errorf("it took more than %v", a.cfg.CommandTimeout))
	defer cancel()
	args := append(append([]string(nil), a.cfg.Command[1:]...), "-1", a.cfg.Queue, a.cfg.Logs)
	cmd := exec.CommandContext(ctx, a.cfg.Command[0], args...)
	output := &lastBytes{limit: maxCommandOutput}
	cmd.Stdout, cmd.Stderr = output, output
	// What it starts in turn ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		if errors.Is(err, unix.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = time.Second // for output that a process which got away holds open
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if text := output.lines(maxOutputLines); text != "" {
		return fmt.Errorf("archive command %s: %w; it said: %s", a.cfg.Command[0], err, text)
	}
	return fmt.Errorf("archive command %s: %w", a.cfg.Command[0], err)
}

// lastBytes keeps the last bytes of what is written to it.
type lastBytes struct {
	limit int
	kept  []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[max(0, len(p)-l.limit):]...)
	l.kept = l.kept[max(0, len(l.kept)-l.limit):]
	return len(p), nil
}

// lines returns the last n lines as one text.
func (l *lastBytes) lines(n int) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(l.kept), "?")), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
