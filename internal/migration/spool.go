package migration

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// spooled is what zeekctl's last start of a node left in the node's directory of the spool.
type spooled struct {
	node string
	pid  int
	// started is when the node was started; zero is unknown.
	started time.Time
	// toRunning is how long Zeek took from its start until it ran; zero is unknown.
	toRunning time.Duration
}

// maxSpooled bounds the directories of a spool that are read.
const maxSpooled = zeekctl.MaxProcesses

// readSpool reads what zeekctl has started, from plain files in its spool. A directory in which
// nothing was started is left out. The processes need not live any more.
func readSpool(dir string) ([]spooled, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxSpooled {
		return nil, fmt.Errorf("%s has more than %d directories", dir, maxSpooled)
	}
	var list []spooled
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		one, err := readSpooled(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one.node = e.Name()
		if one.pid > 0 {
			list = append(list, one)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].node < list[j].node })
	return list, nil
}

// readSpooled reads the directory of a node. zeekctl writes -1 for the PID of a process that it
// could not start.
func readSpooled(dir string) (one spooled, err error) {
	pid, err := firstLine(filepath.Join(dir, ".pid"))
	if err != nil {
		return one, err
	}
	if one.pid, err = strconv.Atoi(pid); err != nil {
		return one, fmt.Errorf("%s: %q is not the number of a process", filepath.Join(dir, ".pid"), pid)
	}
	startup, err := firstLine(filepath.Join(dir, ".startup"))
	seconds, bad := strconv.ParseInt(startup, 10, 64)
	if err != nil || bad != nil || seconds <= 0 {
		return one, nil
	}
	one.started = time.Unix(seconds, 0)
	// Zeek writes .status anew whenever its state changes, and RUNNING is its last state before
	// it ends.
	path := filepath.Join(dir, ".status")
	status, err := firstLine(path)
	info, statErr := os.Stat(path)
	if err == nil && statErr == nil && strings.HasPrefix(status, "RUNNING") {
		if took := info.ModTime().Sub(one.started); took > 0 && took < time.Hour {
			one.toRunning = took
		}
	}
	return one, nil
}

// firstLine returns the first line of a small file.
func firstLine(path string) (string, error) {
	in, err := openNow(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, 4<<10))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line), nil
}
