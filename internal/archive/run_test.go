package archive_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

var errEnough = errors.New("enough")

// running calls a.Run in a goroutine. stop ends it and returns the result of Run.
func running(t *testing.T, a *archive.Archiver) (stop func() error) {
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return func() error {
		cancel(errEnough)
		return patience.Next(t, done, "the end of Run")
	}
}

// messages is a slog.Handler that sends the text of each message.
type messages chan string

func (l messages) Enabled(context.Context, slog.Level) bool { return true }
func (l messages) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l messages) WithGroup(string) slog.Handler            { return l }
func (l messages) Handle(_ context.Context, r slog.Record) error {
	l <- r.Message
	return nil
}

// all returns the messages so far.
func (l messages) all() []string {
	var texts []string
	for {
		select {
		case m := <-l:
			texts = append(texts, m)
		default:
			return texts
		}
	}
}

func TestRunArchivesALogAsSoonAsItComes(t *testing.T) {
	p := newPlace(t)
	log := make(messages, 100)
	a := p.open(t, archive.Config{Interval: time.Hour, Logger: slog.New(log)})
	write(t, p.queue, map[string]string{connLog: "c"})
	stop := running(t, a)
	patience.Next(t, log, "the message that the log in the queue was archived")
	rotated := filepath.Join(filepath.Dir(p.queue), "dns.log")
	write(t, filepath.Dir(rotated), map[string]string{"dns.log": "d"})
	if err := os.Rename(rotated, filepath.Join(p.queue, dnsLog)); err != nil {
		t.Fatal(err)
	}
	patience.Next(t, log, "the message that the renamed log was archived")
	wantFiles(t, p.logs, map[string]string{
		"2026-11-23/conn.10:00:00-11:00:00.log.gz":         "c",
		"2026-11-22/dns.23:30:00-00:30:00-logger-1.log.gz": "d",
	})
	if err := stop(); !errors.Is(err, errEnough) {
		t.Errorf("Run: %v, want the context's cause", err)
	}
}

func TestRunGoesOnWhenItsQueueIsGone(t *testing.T) {
	p := newPlace(t)
	log := make(messages, 100)
	a := p.open(t, archive.Config{Logger: slog.New(log)})
	synctest.Test(t, func(t *testing.T) {
		stop := running(t, a.InBubble())
		synctest.Wait()
		if err := os.RemoveAll(p.queue); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"log queue not archived"}, log.all()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		write(t, p.queue, map[string]string{connLog: "c"}) // Zeek makes the queue again
		time.Sleep(time.Minute)
		synctest.Wait()
		wantFiles(t, p.queue, none)
		stop()
	})
}

func TestRunSweepsAtEachInterval(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	synctest.Test(t, func(t *testing.T) {
		a := a.InBubble()
		stop := running(t, a)
		synctest.Wait()
		write(t, p.queue, map[string]string{connLog: "c"})
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		wantFiles(t, p.logs, none)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantFiles(t, p.queue, none)
		if err := stop(); !errors.Is(err, errEnough) {
			t.Errorf("Run: %v, want the context's cause", err)
		}
	})
}

func TestRunLogsOnceWhatStaysInTheQueue(t *testing.T) {
	p := newPlace(t)
	log := make(messages, 100)
	a := p.open(t, archive.Config{Logger: slog.New(log)})
	write(t, p.queue, map[string]string{"README": "", connLog: "c"})
	synctest.Test(t, func(t *testing.T) {
		a := a.InBubble()
		var repaired atomic.Bool
		a.Before(func(string, string) error {
			if repaired.Load() {
				return nil
			}
			return errors.New("the disk is broken")
		})
		stop := running(t, a)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		left := "file left in the log queue"
		if diff := cmp.Diff([]string{left, left}, log.all()); diff != "" {
			t.Errorf("messages while the disk was broken (-want +got):\n%s", diff)
		}
		repaired.Store(true)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"logs archived"}, log.all()); diff != "" {
			t.Errorf("messages after the repair (-want +got):\n%s", diff)
		}
		stop()
	})
}

// onDay sweeps at the time day after the beginning of the year 2000, and returns the
// archived logs that remain.
func onDay(t *testing.T, p place, a *archive.Archiver, day time.Duration) []string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := a.InBubble()
		time.Sleep(day - time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.Local)))
		if _, err := a.Sweep(t.Context()); err != nil {
			t.Errorf("Sweep: %v", err)
		}
	})
	return slices.Sorted(maps.Keys(contentsButTemporary(t, p.logs)))
}

func TestRetention(t *testing.T) {
	const (
		first  = "2000-01-08/conn.10:00:00-11:00:00.log.gz"
		note   = "2000-01-08/notes.txt"
		second = "2000-01-09/conn.10:00:00-11:00:00-logger-1.2.log"
		third  = "2000-01-10/conn.10:00:00-11:00:00.log"
		fourth = "2000-01-10/dns.10:00:00-11:00:00.log"
		today  = "2000-01-11/conn.00:00:00-01:00:00.log"
		future = "2000-01-12/conn.00:00:00-01:00:00.log"
		other  = "stats/conn.10:00:00-11:00:00.log"
		loose  = "conn.10:00:00-11:00:00.log"
	)
	all := []string{first, note, second, third, fourth, today, future, loose, other}
	without := func(gone ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(gone, f) })
	}
	// Each file takes one block of 4096 bytes.
	for name, tt := range map[string]struct {
		days, percent   int
		used, available uint64
		want            []string
	}{
		"no retention":                              {used: 100, available: 0, want: all},
		"by age, days before":                       {days: 2, want: without(first)},
		"by age, all but today":                     {days: 1, want: without(first, second)},
		"by age, more days than there are logs":     {days: 30, want: all},
		"by disk, below the share":                  {percent: 80, used: 80, available: 20, want: all},
		"by disk, a little beyond":                  {percent: 80, used: 80 << 10, available: 19 << 10, want: without(first)},
		"by disk, two days":                         {percent: 50, used: 56 << 10, available: 40 << 10, want: without(first, second)},
		"by disk, part of a day":                    {percent: 50, used: 60 << 10, available: 36 << 10, want: without(first, second, third)},
		"by disk, never today's":                    {percent: 1, used: 1 << 30, available: 0, want: without(first, second, third, fourth)},
		"by age and disk, bytes freed by age count": {days: 1, percent: 50, used: 52 << 10, available: 44 << 10, want: without(first, second, third)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			for _, f := range all {
				text := "c"
				if filepath.Ext(f) == ".gz" {
					text = gzipped(text)
				}
				write(t, p.logs, map[string]string{f: text})
			}
			a := p.open(t, archive.Config{KeepDays: tt.days, DiskPercent: tt.percent})
			a.Disk(tt.used, tt.available)
			got := onDay(t, p, a, 10*24*time.Hour+12*time.Hour)
			if diff := cmp.Diff(slices.Sorted(slices.Values(tt.want)), got); diff != "" {
				t.Errorf("archive (-want +got):\n%s", diff)
			}
			_, err := os.Stat(filepath.Join(p.logs, "2000-01-09"))
			if kept := slices.Contains(tt.want, second); kept != (err == nil) {
				t.Errorf("directory of a day: kept %v, %v", kept, err)
			}
		})
	}
}

func TestOtherLogsAreRemovedIfOneCannotBe(t *testing.T) {
	stuck := "2020-01-01/conn.10:00:00-11:00:00.log.gz"
	for name, cfg := range map[string]archive.Config{
		"by age":               {KeepDays: 7},
		"by share of the disk": {DiskPercent: 50},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			write(t, p.logs, map[string]string{
				stuck: gzipped("stuck"),
				"2020-01-01/dns.10:00:00-11:00:00.log.gz":  gzipped("old"),
				"2020-01-02/conn.10:00:00-11:00:00.log.gz": gzipped("old"),
			})
			a := p.open(t, cfg)
			a.Disk(99<<20, 1<<20)
			a.Before(func(change, path string) error {
				if change == "remove" && path == filepath.Join(p.logs, stuck) {
					return unix.EPERM
				}
				return nil
			})
			r, err := a.Sweep(t.Context())
			if r.Expired != 2 || !errors.Is(err, unix.EPERM) {
				t.Errorf("Sweep: %+v, %v, want two removed and an error", r, err)
			}
			wantFiles(t, p.logs, map[string]string{stuck: "stuck"})
		})
	}
}

func TestRetentionMeasuresTheDisk(t *testing.T) {
	p := newPlace(t)
	write(t, p.logs, map[string]string{"2000-01-01/conn.10:00:00-11:00:00.log": "c"})
	if r := sweep(t, p.open(t, archive.Config{DiskPercent: 99})); r.Expired > 1 {
		t.Errorf("report %+v", r)
	}
}

func TestDrainArchivesTheQueueAndLogsWhatIsLeft(t *testing.T) {
	p := newPlace(t)
	log := make(messages, 100)
	a := p.open(t, archive.Config{Periodic: true, Logger: slog.New(log)})
	write(t, p.queue, map[string]string{"conn__2026-11-20-10-00-00__2026-11-20-11-00-00__.log": "data\n", "strange": "x"})
	a.Drain(t.Context())
	entries, err := os.ReadDir(p.queue)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		if e.Name()[0] != '.' {
			left = append(left, e.Name())
		}
	}
	if diff := cmp.Diff([]string{"strange"}, left); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"logs archived", "file left in the log queue"}, log.all()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestDrainEndsWithItsContextAndLogsIt(t *testing.T) {
	p := newPlace(t)
	log := make(messages, 100)
	a := p.open(t, archive.Config{Periodic: true, Logger: slog.New(log)})
	const file = "conn__2026-11-20-10-00-00__2026-11-20-11-00-00__.log"
	write(t, p.queue, map[string]string{file: "data\n"})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	a.Drain(ctx)
	if _, err := os.Stat(filepath.Join(p.queue, file)); err != nil {
		t.Error(err)
	}
	if got := log.all(); !slices.Contains(got, "log queue not archived") {
		t.Errorf("log: %q", got)
	}
}
