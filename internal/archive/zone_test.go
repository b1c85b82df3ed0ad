package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

func TestZoneReadsTZAsTheCLibraryDoes(t *testing.T) {
	winter := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	summer := time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for tz, want := range map[string][2]string{
		"":                            {"12:00", "12:00"},
		"UTC":                         {"12:00", "12:00"},
		"UTC0":                        {"12:00", "12:00"},
		"CET-1CEST,M3.5.0,M10.5.0/3":  {"13:00", "14:00"},
		":CET-1CEST,M3.5.0,M10.5.0/3": {"13:00", "14:00"},
		"EST5EDT,M3.2.0,M11.1.0":      {"07:00", "08:00"},
		"<+0330>-3:30":                {"15:30", "15:30"},
		"JST-9":                       {"21:00", "21:00"},
	} {
		loc, err := archive.Zone(tz)
		if err != nil {
			t.Errorf("%q: %v", tz, err)
			continue
		}
		got := [2]string{winter.In(loc).Format("15:04"), summer.In(loc).Format("15:04")}
		if got != want {
			t.Errorf("%q: noon is %v, want %v", tz, got, want)
		}
	}
}

// A client chooses TZ of its node, so TZ can name a pipe or a device.
func TestZoneFileIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	zone := filepath.Join(dir, "zone")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.Symlink(zone, link),
		os.WriteFile(zone, archive.ZoneFile("X", 3600), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tz := range []string{pipe, "/dev/zero", dir} {
		if loc, err := archive.Zone(tz); err == nil || loc != time.UTC {
			t.Errorf("%s: got %v, %v, want UTC and an error", tz, loc, err)
		}
	}
	if loc, err := archive.Zone(link); err != nil {
		t.Errorf("a link to a file of the database: %v, %v", loc, err)
	}
}

func TestUnknownZoneIsUTCAndAnError(t *testing.T) {
	for _, tz := range []string{"Nowhere/Never", "/no/such/file", "x", "CET-1CEST,nonsense", "A\nB"} {
		loc, err := archive.Zone(tz)
		if err == nil || loc != time.UTC {
			t.Errorf("%q: got %v, %v, want UTC and an error", tz, loc, err)
		}
	}
}
