package clusterfile

import (
	"os"
	"strings"
	"testing"
)

// docs/clusterfile.md has every key.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/clusterfile.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := append(append([]string{"backend"}, nodeKeys...), bundleKeys...)
	keys = append(keys, templateKeys()...)
	for _, key := range keys {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("docs/clusterfile.md does not have the key %s", key)
		}
	}
}
