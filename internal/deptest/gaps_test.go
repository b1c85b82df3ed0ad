package deptest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gapCounts holds the number of gaps in each group (spec management-api 7).
var gapCounts = map[string]int{"P": 8, "A": 27, "C": 24, "N": 4, "S": 6}

var (
	gapRow   = regexp.MustCompile(`(?m)^\| ([PACNS][0-9]+) \| (.+) \| (.+) \|$`)
	evidence = regexp.MustCompile("`([a-z/]+) (?:([a-zA-Z0-9_]+\\.txt(?:ar)?)|((?:Test|Fuzz)[A-Za-z0-9]+))(?:/([^`]+))?`")
)

func TestEveryGapIsClosedByATestThatExists(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs/upstream-gaps.md"))
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for group, n := range gapCounts {
		for i := range n {
			missing[fmt.Sprintf("%s%d", group, i+1)] = true
		}
	}
	for _, row := range gapRow.FindAllStringSubmatch(string(text), -1) {
		gap, ours, shown := row[1], row[2], row[3]
		if !missing[gap] {
			t.Errorf("gap %s has a row too many", gap)
		}
		delete(missing, gap)
		found := evidence.FindAllStringSubmatch(shown, -1)
		switch {
		case shown == "–" && strings.HasPrefix(ours, "Does not apply: "):
		case len(found) == 0 || len(found) != strings.Count(shown, "`")/2:
			t.Errorf("gap %s: %s is no list of tests", gap, shown)
		}
		for _, e := range found {
			if err := exists(filepath.Join(root, e[1]), e[2], e[3], e[4]); err != nil {
				t.Errorf("gap %s: %v", gap, err)
			}
		}
	}
	for gap := range missing {
		t.Errorf("gap %s has no row", gap)
	}
}

// exists returns an error unless the package in dir has that file in its testdata,
// or that test, and the file or the test has a case called name. An empty name
// stands for no case.
func exists(dir, file, test, name string) error {
	if file != "" {
		return hasCase(filepath.Join(dir, "testdata", file), name)
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	hasTest, hasName := false, name == ""
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		hasTest = hasTest || strings.Contains(string(text), "\nfunc "+test+"(")
		// Tables of cases may stand beside their test, or in a file of their own.
		hasName = hasName || strings.Contains(string(text), `"`+name+`"`)
	}
	switch {
	case !hasTest:
		return fmt.Errorf("%s has no %s", dir, test)
	case !hasName:
		return fmt.Errorf("%s in %s has no case %q", test, dir, name)
	}
	return nil
}

var differenceRow = regexp.MustCompile(`(?m)^\| (D[0-9]+) \|.*\| ([^|]+) \|$`)

// TestEveryDifferenceFromZeekClientHasATestThatExists checks the tables in
// docs/zeek-client-differences.md.
func TestEveryDifferenceFromZeekClientHasATestThatExists(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs/zeek-client-differences.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range differenceRow.FindAllStringSubmatch(string(text), -1) {
		key, shown := row[1], row[2]
		if seen[key] {
			t.Errorf("there are two rows %s", key)
		}
		seen[key] = true
		found := evidence.FindAllStringSubmatch(shown, -1)
		if len(found) == 0 || len(found) != strings.Count(shown, "`")/2 {
			t.Errorf("%s: %s is no list of tests", key, shown)
		}
		for _, e := range found {
			if err := exists(filepath.Join(root, e[1]), e[2], e[3], e[4]); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	if rows := strings.Count(string(text), "\n| D"); rows == 0 || rows != len(seen) {
		t.Errorf("%d rows of %d have the right form", len(seen), rows)
	}
}

// hasCase returns an error unless the dialogue at path has a case called name, or
// a case whose name begins with name and a colon. With an empty name it checks only
// that the file exists.
func hasCase(path, name string) error {
	text, err := os.ReadFile(path)
	if err != nil || name == "" {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if found, ok := strings.CutPrefix(strings.TrimSpace(line), "case "); ok && (found == name || strings.HasPrefix(found, name+": ")) {
			return nil
		}
	}
	return fmt.Errorf("%s has no case %q", path, name)
}
