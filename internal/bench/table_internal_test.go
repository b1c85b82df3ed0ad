package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// written writes tables into a page with this text, and returns the new text.
func written(t *testing.T, text string, tables ...table) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writePage(path, tables, "the machine\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// measured returns a table of a measurement.
func measured(name string, value float64) table {
	ref := &reference{echoes: map[int]time.Duration{smallEcho: budgetEcho}}
	return table{name: name, reference: ref, figures: []figure{
		atMost("a|b", value, "ms", 2), {what: "other", missing: "there is none"},
	}}
}

func TestOnlyTablesOfAPageAreReplaced(t *testing.T) {
	page := "# Title\n\nprose\n\n" + beginTables + "old\n" + endTables + "\nmore prose\n"
	first := written(t, page, measured("codecs", 1), measured("peering", 2))
	want := "# Title\n\nprose\n\n" + beginTables + `the machine

### codecs: echo of 64 B 14.0 µs

| figure | p50 | p99 | worst | unit | echoes | budget | verdict |
|---|--:|--:|--:|---|---|---|---|
| a\|b | 1 |  |  | ms | 71.4 of 64 B | ≤ 2 | ok, 50 % |
| other |  |  |  |  |  |  | not measured: there is none |

### peering: echo of 64 B 14.0 µs

| figure | p50 | p99 | worst | unit | echoes | budget | verdict |
|---|--:|--:|--:|---|---|---|---|
| a\|b | 2 |  |  | ms | 142.9 of 64 B | ≤ 2 | ok, 100 % |
| other |  |  |  |  |  |  | not measured: there is none |

` + endTables + "\nmore prose\n"
	if first != want {
		t.Fatalf("written:\n%s\nwant:\n%s", first, want)
	}
	again := written(t, first, measured("peering", 3))
	if want := strings.Replace(want, "| a\\|b | 2 |  |  | ms | 142.9 of 64 B | ≤ 2 | ok, 100 % |", "| a\\|b | 3 |  |  | ms | 214.3 of 64 B | ≤ 2 | MISSED, 150 % |", 1); again != want {
		t.Errorf("one of the tables is written again:\n%s\nwant:\n%s", again, want)
	}
}

func TestAPageWithoutAPlaceForTablesIsLeftAlone(t *testing.T) {
	for _, text := range []string{"", beginTables, endTables, endTables + beginTables} {
		path := filepath.Join(t.TempDir(), "page.md")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), Config{Write: path})
		if err == nil || !strings.Contains(err.Error(), "has no place for the tables") {
			t.Errorf("%q: %v", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestAnUnknownFigureIsNamed(t *testing.T) {
	err := Run(t.Context(), Config{Only: []string{"codecs", "speed"}})
	if err == nil || !strings.HasPrefix(err.Error(), `there is no figure "speed": there are codecs, `) {
		t.Error(err)
	}
}
