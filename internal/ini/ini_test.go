package ini_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// pythonEntry is an entry of a section as Python's configparser reads it. Error is the
// class of the exception that reading its value raises.
type pythonEntry struct {
	Key   string
	Value *string
	Error string
}

type pythonSection struct {
	Name    string
	Entries []pythonEntry
}

// pythonCases are texts, and what Python's configparser reads. scripts/ini-cases writes
// them.
func pythonCases(t testing.TB) (cases []struct {
	Text, Error string
	Sections    []pythonSection
}) {
	t.Helper()
	text, err := os.ReadFile("testdata/ini.json")
	if err != nil {
		t.Fatal(err)
	}
	all := struct{ Cases any }{&cases}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return cases
}

// asPython returns the sections of text as configparser presents them.
func asPython(text string) ([]pythonSection, error) {
	f, err := ini.Parse("f", []byte(text))
	if err != nil {
		return nil, err
	}
	var sections []pythonSection
	for _, s := range f.Sections {
		ours := pythonSection{Name: s.Name, Entries: []pythonEntry{}}
		for _, e := range f.Items(s) {
			value, err := f.Value(s, e)
			entry := pythonEntry{Key: strings.ToLower(e.Key), Value: value}
			if err != nil {
				entry.Error = "error"
			}
			ours.Entries = append(ours.Entries, entry)
		}
		sections = append(sections, ours)
	}
	return sections, nil
}

// refusedOnPurpose are the messages about texts that configparser reads and we refuse,
// because their author has meant something else: each is a row of
// docs/zeek-client-differences.md.
var refusedOnPurpose = map[string]*regexp.Regexp{
	"a header without its bracket": regexp.MustCompile(`lacks the (closing|opening) bracket of a section's header$`),
	"a header behind blanks":       regexp.MustCompile(`remove the blanks before a section's header$`),
	"a header without a name":      regexp.MustCompile(`"\[\]" lacks a name$`),
	"a control character":          regexp.MustCompile(`not a text file: it holds the byte 0x`),
}

// TestINIAsPython compares the reading of each text with Python's.
func TestINIAsPython(t *testing.T) {
	cases := pythonCases(t)
	if len(cases) < 800 {
		t.Fatalf("got %d cases, want some hundreds", len(cases))
	}
	differences := map[string]int{}
	for _, c := range cases {
		ours, err := asPython(c.Text)
		switch why := differs(c.Text, c.Error, err); {
		case why != "":
			differences[why]++
		case (err != nil) != (c.Error != ""):
			t.Errorf("%q: got error %v, Python's is %q", c.Text, err, c.Error)
		case err == nil:
			for i := range c.Sections {
				for j, e := range c.Sections[i].Entries {
					if e.Error != "" {
						c.Sections[i].Entries[j].Error = "error"
					}
				}
			}
			if len(c.Sections) == 0 {
				c.Sections = nil
			}
			if diff := cmp.Diff(c.Sections, ours); diff != "" {
				t.Errorf("%q (-Python +ours):\n%s", c.Text, diff)
			}
		}
	}
	for why := range refusedOnPurpose {
		if differences[why] == 0 {
			t.Errorf("no case is refused because of %s", why)
		}
	}
	t.Logf("%d cases, of which we read differently on purpose: %v", len(cases), differences)
}

// differs returns why we read text differently on purpose, if we do.
func differs(text, theirs string, ours error) string {
	if strings.ContainsAny(text, "Σİ") {
		return "letters whose lower case depends on their place"
	}
	if ours != nil {
		if bad, ok := errors.AsType[*ini.Error](ours); ok {
			for why, message := range refusedOnPurpose {
				if message.MatchString(bad.Text) {
					return why
				}
			}
		}
		return ""
	}
	switch {
	case theirs == "MissingSectionHeaderError" && strings.HasPrefix(text, "\ufeff"):
		return "a mark of the byte order"
	case theirs == "DuplicateOptionError" && strings.Contains(text, "[instances]"):
		return "names of instances that differ in case"
	}
	return ""
}

// FuzzINI checks that whatever is read can be written, and is then read as the same.
func FuzzINI(f *testing.F) {
	for _, c := range pythonCases(f) {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ini.Parse("f", []byte(text))
		if err != nil {
			return
		}
		written := iniText(first)
		second, err := ini.Parse("f", []byte(written))
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", text, written, err)
		}
		if again := iniText(second); again != written {
			t.Errorf("%q is written as %q, and then as %q", text, written, again)
		}
		for _, s := range first.Sections { // references end, whatever they are
			for _, e := range first.Items(s) {
				first.Value(s, e)
			}
		}
	})
}

// iniText writes a file in configparser's form.
func iniText(f *ini.File) string {
	var b strings.Builder
	for _, s := range append([]*ini.Section{f.Defaults}, f.Sections...) {
		fmt.Fprintf(&b, "[%s]\n", s.Name)
		for _, e := range s.Entries {
			if e.Value == nil {
				fmt.Fprintf(&b, "%s\n", e.Key)
			} else {
				fmt.Fprintf(&b, "%s = %s\n", e.Key, strings.ReplaceAll(*e.Value, "\n", "\n\t"))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestSectionsOfOurOwn checks how options and networks are read: their names have colons.
func TestSectionsOfOurOwn(t *testing.T) {
	for text, want := range map[string]string{
		"[options]\nSite::Local = a:b = c\n  d\nX::y\n":         "own Site::Local=a:b = c\nd;X::y",
		"[options @workers]\nA::b = 1\nA::c = 2\n":              "own A::b=1;A::c=2",
		"[networks]\nfd00::/8 = a: b\n10.0.0.0/8  Private: x\n": "own fd00::/8=a: b;10.0.0.0/8  Private: x",
		"[networks]\nrole = worker\nInstance: x\n":              "role=worker;instance=x",
		"[options]\nInstance: x\nTYPE : worker\n":               "instance=x;type=worker",
		"[options]\nrole::worker\n":                             "role=:worker",
		"[options]\ntype::x = 3\n":                              "own type::x=3",
		"[options-2]\nA::b = 1\n":                               "a=:b = 1",
		"[options]\nA::b = 1\nA::b = 2\n":                       `f:3: "A::b" is already set in section [options] on line 2`,
		"[options]\nrole = x\nA = 1\na = 2\n":                   `f:4: "a" is already set in section [options] on line 3`,
		"[options]\nrole = x\n: 1\n":                            `f:3: ": 1" lacks a name`,
		"[options]\nA::b\n  c\n":                                `f:3: "c" continues "A::b", which has no value: remove the blanks before it`,
	} {
		f, err := ini.Parse("f", []byte(text))
		if err != nil {
			if err.Error() != want {
				t.Errorf("%q: got %v, want %s", text, err, want)
			}
			continue
		}
		s := f.Sections[0]
		var parts []string
		for _, e := range s.Entries {
			if e.Value == nil {
				parts = append(parts, e.Key)
				continue
			}
			parts = append(parts, e.Key+"="+*e.Value)
		}
		got := strings.Join(parts, ";")
		if s.Own {
			got = "own " + got
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
