package deptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryDecisionIsNamedInTheArchitecture(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../docs/decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("decisions: %v, %v", files, err)
	}
	for _, f := range files {
		if link := "](decisions/" + filepath.Base(f) + ")"; !strings.Contains(string(text), link) {
			t.Errorf("docs/architecture.md does not name %s", f)
		}
	}
	if named := strings.Count(string(text), "](decisions/0"); named != len(files) {
		t.Errorf("docs/architecture.md names %d decisions, and there are %d", named, len(files))
	}
}
