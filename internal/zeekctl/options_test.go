package zeekctl_test

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

var update = flag.Bool("update", false, "write the table of options into docs/zeekctl.md")

const (
	document   = "../../docs/zeekctl.md"
	tableBegin = "<!-- table of options: begin -->\n"
	tableEnd   = "<!-- table of options: end -->\n"
)

func table() string {
	var b strings.Builder
	b.WriteString("| option | default | goes to | |\n|---|---|---|---|\n")
	for _, o := range zeekctl.Options {
		value := "–"
		if o.Default != "" {
			value = "`" + o.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, value, o.Fate, o.Becomes)
	}
	return b.String()
}

// The table in the document is that of the program.
func TestDocumentHasEveryOption(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of options", document)
	}
	want := before + tableBegin + table() + tableEnd + after
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s has another table than the program: -update writes it", document)
	}
}

func TestOptionsAreSortedAndSayWhatBecomesOfThem(t *testing.T) {
	if len(zeekctl.Options) < 105 {
		t.Errorf("%d options only", len(zeekctl.Options))
	}
	sorted := sort.SliceIsSorted(zeekctl.Options, func(i, j int) bool {
		return strings.ToLower(zeekctl.Options[i].Name) < strings.ToLower(zeekctl.Options[j].Name)
	})
	if !sorted {
		t.Error("the options are not in the order of their names")
	}
	seen := map[string]bool{}
	for _, o := range zeekctl.Options {
		if seen[strings.ToLower(o.Name)] {
			t.Errorf("%s is there twice", o.Name)
		}
		seen[strings.ToLower(o.Name)] = true
		if !strings.HasSuffix(o.Becomes, ".") || strings.Contains(o.Becomes, "|") {
			t.Errorf("%s: %q is no sentence for a table", o.Name, o.Becomes)
		}
	}
}
