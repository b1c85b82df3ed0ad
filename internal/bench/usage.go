package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// processorTime returns how long the threads of a process have run. It is exact, unlike that
// of /proc/PID/stat, which is in hundredths of a second.
func (r *running) processorTime() (time.Duration, error) {
	var sum int64
	err := r.eachThread("schedstat", func(text string) (err error) {
		ran, _, _ := strings.Cut(text, " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		sum += ns
		return err
	})
	return time.Duration(sum), err
}

// wakeups returns how often the threads of a process have waited for something.
func (r *running) wakeups() (sum float64, err error) {
	err = r.eachThread("status", func(text string) error {
		_, rest, _ := strings.Cut(text, "\nvoluntary_ctxt_switches:")
		count, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
		n, err := strconv.ParseFloat(count, 64)
		sum += n
		return err
	})
	return sum, err
}

// eachThread calls read with a file of each thread of a process.
func (r *running) eachThread(file string, read func(text string) error) error {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", r.cmd.Process.Pid, file))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("the process %d has ended", r.cmd.Process.Pid)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue // the thread has ended
		}
		if err == nil {
			err = read(string(text))
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return nil
}

// A watched process is one whose idle cost is measured.
type watched struct {
	what    string
	process *running
	budget  float64 // of the share of a processor in per cent, 0: none
}

// watch returns what processes cost in a time in which nobody asks for anything.
func watch(ctx context.Context, d time.Duration, list ...watched) (figures []figure, err error) {
	ran, woken := make([]time.Duration, len(list)), make([]float64, len(list))
	read := func(sign int) error {
		for i, w := range list {
			t, err := w.process.processorTime()
			if err != nil {
				return err
			}
			n, err := w.process.wakeups()
			if err != nil {
				return err
			}
			ran[i] += time.Duration(sign) * t
			woken[i] += float64(sign) * n
		}
		return nil
	}
	if err := read(-1); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause.For(ctx, d); err != nil {
		return nil, err
	}
	if err := read(1); err != nil {
		return nil, err
	}
	took := time.Since(began)
	for i, w := range list {
		figures = append(figures,
			atMost(w.what+": share of a processor", 100*float64(ran[i])/float64(took), "%", w.budget),
			figure{what: w.what + ": wake-ups of its threads", value: woken[i] / took.Seconds(), unit: "per s"})
	}
	return figures, nil
}
