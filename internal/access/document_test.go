package access_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var update = flag.Bool("update", false, "rewrite the table in docs/security.md")

// The marks around the table in the document.
const (
	document = "../../docs/security.md"
	begins   = "<!-- table of requests: begin -->\n"
	ends     = "<!-- table of requests: end -->\n"
)

// table returns the table of requests as a document has it.
func table() string {
	var b strings.Builder
	b.WriteString("| request | viewer | operator | admin | without a role | in the audit |\n|---|---|---|---|---|---|\n")
	yes := map[bool]string{true: "yes", false: "–"}
	seen := map[access.Row]bool{}
	for _, row := range access.Table() {
		if seen[row] {
			continue // Zeek's form and ours of one request
		}
		seen[row] = true
		fmt.Fprintf(&b, "| `%s` ", row.Name)
		for _, role := range []mgmt.UserRole{mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
			fmt.Fprintf(&b, "| %s ", yes[role >= row.May])
		}
		fmt.Fprintf(&b, "| %s | %s |\n", yes[row.May == mgmt.NoUser], yes[row.Changes])
	}
	return b.String()
}

func TestDocumentHasTheTableOfRequests(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), begins)
	had, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		t.Fatalf("%s has no place for the table", document)
	}
	want := table()
	if *update {
		if err := os.WriteFile(document, []byte(before+begins+want+ends+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(had, "\n")); diff != "" {
		t.Errorf("the document does not have the table of the program; -update writes it (-want +got):\n%s", diff)
	}
}
