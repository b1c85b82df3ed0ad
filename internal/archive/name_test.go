package archive_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

func at(day, hour, minute, second int) time.Time {
	return time.Date(2026, 11, day, hour, minute, second, 0, time.UTC)
}

// rotatedLogs are names of files in the queue, each with its parts and with the
// directory and name of the log in the archive.
var rotatedLogs = map[string]struct {
	file     string
	want     archive.Name
	day      string
	archived string
}{
	"a plain log": {
		file:     "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log",
		want:     archive.Name{Path: "conn", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Ext: ".log"},
		day:      "2026-11-23",
		archived: "conn.10:00:00-11:00:00.log",
	},
	"a logger's suffix, as a real Zeek 8.2.2 wrote it": {
		file:     "conn__2026-11-23-01-47-03__2026-11-23-01-47-06__log_suffix=logger__.log",
		want:     archive.Name{Path: "conn", Open: at(23, 1, 47, 3), Close: at(23, 1, 47, 6), Suffix: "logger", Ext: ".log"},
		day:      "2026-11-23",
		archived: "conn.01:47:03-01:47:06-logger.log",
	},
	"unknown metadata is ignored": {
		file:     "dns__2026-11-23-10-00-00__2026-11-23-11-00-00__pid=4711,log_suffix=logger-2__.log",
		want:     archive.Name{Path: "dns", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Suffix: "logger-2", Ext: ".log"},
		day:      "2026-11-23",
		archived: "dns.10:00:00-11:00:00-logger-2.log",
	},
	"the copy number is not in the archived name": {
		file:     "dns__2026-11-23-10-00-00__2026-11-23-11-00-00__copy=2__.log",
		want:     archive.Name{Path: "dns", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Copy: "2", Ext: ".log"},
		day:      "2026-11-23",
		archived: "dns.10:00:00-11:00:00.log",
	},
	"a log open over midnight belongs to the first day": {
		file:     "conn__2026-11-22-23-30-00__2026-11-23-00-30-00__.log",
		want:     archive.Name{Path: "conn", Open: at(22, 23, 30, 0), Close: at(23, 0, 30, 0), Ext: ".log"},
		day:      "2026-11-22",
		archived: "conn.23:30:00-00:30:00.log",
	},
	"compressed by Zeek": {
		file:     "http__2026-11-23-10-00-00__2026-11-23-11-00-00__.log.gz",
		want:     archive.Name{Path: "http", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Ext: ".log.gz"},
		day:      "2026-11-23",
		archived: "http.10:00:00-11:00:00.log.gz",
	},
	"another writer": {
		file:     "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.sqlite",
		want:     archive.Name{Path: "conn", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Ext: ".sqlite"},
		day:      "2026-11-23",
		archived: "conn.10:00:00-11:00:00.sqlite",
	},
	"a path with the delimiter in it": {
		file:     "my__own__2026-11-23-10-00-00__2026-11-23-11-00-00__.log",
		want:     archive.Name{Path: "my__own", Open: at(23, 10, 0, 0), Close: at(23, 11, 0, 0), Ext: ".log"},
		day:      "2026-11-23",
		archived: "my__own.10:00:00-11:00:00.log",
	},
}

func TestParseName(t *testing.T) {
	for name, tt := range rotatedLogs {
		t.Run(name, func(t *testing.T) {
			got, err := archive.ParseName(tt.file)
			if err != nil {
				t.Fatalf("ParseName: %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("name (-want +got):\n%s", diff)
			}
			if got.Day() != tt.day || got.Archived(1) != tt.archived {
				t.Errorf("archived as %s/%s, want %s/%s", got.Day(), got.Archived(1), tt.day, tt.archived)
			}
		})
	}
}

func TestParseNameRefusesOtherNames(t *testing.T) {
	for name, file := range map[string]string{
		"an open log":                "conn.log",
		"nothing":                    "",
		"no path":                    "__2026-11-23-10-00-00__2026-11-23-11-00-00__.log",
		"no closing time":            "conn__2026-11-23-10-00-00__.log",
		"no extension":               "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__",
		"only a dot as extension":    "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.",
		"an extension without a dot": "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__log",
		"a time of another format":   "conn__2026-11-23_10:00:00__2026-11-23_11:00:00__.log",
		"a day that does not exist":  "conn__2026-02-30-10-00-00__2026-11-23-11-00-00__.log",
		"a short hour":               "conn__2026-11-23-1-00-00__2026-11-23-11-00-00__.log",
		"metadata without a value":   "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__log_suffix=__.log",
		"metadata without a key":     "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__=x__.log",
		"metadata twice":             "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__a=b__c=d__.log",
		"a hidden file":              ".conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := archive.ParseName(file); !errors.Is(err, archive.ErrNotRotated) {
				t.Errorf("ParseName(%q) = %v, %v, want ErrNotRotated", file, got, err)
			}
		})
	}
}

func TestParseNameReadsWhatStringWrites(t *testing.T) {
	stamp := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), 0).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		want := archive.Name{
			Path:   rapid.StringMatching(`[a-z][a-z0-9_.-]{0,20}[a-z0-9]`).Draw(t, "path"),
			Open:   stamp.Draw(t, "open"),
			Close:  stamp.Draw(t, "close"),
			Suffix: rapid.StringMatching(`([a-z]([a-z0-9_.-]?[a-z0-9]){0,9})?`).Draw(t, "suffix"),
			Copy:   rapid.StringMatching(`([1-9][0-9]{0,2})?`).Draw(t, "copy"),
			Ext:    rapid.SampledFrom([]string{".log", ".log.gz", ".json"}).Draw(t, "ext"),
		}
		got, err := archive.ParseName(want.String())
		if err != nil {
			t.Fatalf("ParseName(%q): %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", want, diff)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log")
	f.Add("my__own__2026-11-23-10-00-00__2026-11-23-11-00-00__log_suffix=logger-1,copy=2__.log.gz")
	f.Add("____")
	f.Fuzz(func(t *testing.T, file string) {
		n, err := archive.ParseName(file)
		if err != nil {
			return
		}
		if strings.ContainsRune(n.Archived(2), '/') && !strings.ContainsRune(file, '/') || n.Archived(1) == n.Archived(2) {
			t.Errorf("%q is archived as %q", file, n.Archived(2))
		}
		again, err := archive.ParseName(n.String())
		if err != nil || again != n {
			t.Errorf("%q is read as %+v, and its String as %+v, %v", file, n, again, err)
		}
	})
}
