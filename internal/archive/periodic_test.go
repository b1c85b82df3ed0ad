package archive_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

func TestPeriodicRunArchivesOnlyAtEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		queue := filepath.Join(dir, "queue")
		a, err := archive.New(archive.Config{
			Queue: queue, Logs: filepath.Join(dir, "logs"), Level: new(0), Interval: time.Hour, Periodic: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		synctest.Wait()

		closed := filepath.Join(dir, "conn.log")
		if err := os.WriteFile(closed, []byte("c"), 0o644); err != nil {
			t.Fatal(err)
		}
		rotated := filepath.Join(queue, "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log")
		if err := os.Rename(closed, rotated); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Nanosecond)
		synctest.Wait()
		if _, err := os.Stat(rotated); err != nil {
			t.Errorf("just before the next sweep: %v", err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if _, err := os.Stat(rotated); !os.IsNotExist(err) {
			t.Errorf("after the next sweep: got %v, want no such file", err)
		}
		cancel()
		<-done
	})
}
