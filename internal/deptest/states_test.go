package deptest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	announcedChange = regexp.MustCompile(`is ([A-Z]+), was ([A-Z]+)`)
	stateArrow      = regexp.MustCompile(`(?m)^ +([A-Z]+) --> ([A-Z]+): `)
)

// TestEachChangeOfANodesStateIsInTheDiagram reads the changes of states that agents
// announce in the dialogues. docs/states.md must have an arrow for each of them.
func TestEachChangeOfANodesStateIsInTheDiagram(t *testing.T) {
	text, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	arrows := map[string]bool{}
	for _, arrow := range stateArrow.FindAllStringSubmatch(string(text), -1) {
		arrows[arrow[1]+" --> "+arrow[2]] = true
	}
	files, err := filepath.Glob("../core/agent/testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("dialogues of the agent: %v, %v", files, err)
	}
	for _, file := range files {
		dialogue, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range announcedChange.FindAllStringSubmatch(string(dialogue), -1) {
			if arrow := change[2] + " --> " + change[1]; !arrows[arrow] {
				t.Errorf("%s announces %s; docs/states.md has no such arrow", filepath.Base(file), arrow)
			}
		}
	}
}
