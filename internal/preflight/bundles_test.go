package preflight

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestFindingNamesTheBundleAndTheFileInIt(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   []mgmt.Finding
	}{
		"an error in a file": {"foo; # fakezeek error: unknown identifier foo\n", []mgmt.Finding{{
			Node: "w", Problem: "its scripts do not load: error in bundle site: main.zeek, line 1: unknown identifier foo",
			Outputs: mgmt.NodeOutputs{Stderr: "error in bundle site: main.zeek, line 1: unknown identifier foo"},
		}}},
		// Our own scripts say it in words for people: there is nothing to add.
		"an error of our own scripts": {"module Tst;\noption n: count = 1;\nmodule Fleet::Node;\n\nredef start_options += {\n\t[\"Tst::n\"] = \"x\",\n};\n", []mgmt.Finding{{
			Node: "w", Problem: "an option cannot be set: Tst::n: x is not of type count",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.zeek"), []byte(tt.script), 0o644); err != nil {
				t.Fatal(err)
			}
			c := checked(t, "w", []string{"ZEEKPATH=" + dir + ":/usr/local/zeek/share/zeek"}, "main")
			c.Bundles = []Bundle{{Name: "site", Dir: dir}}
			if diff := cmp.Diff(tt.want, findings(t.Context(), Config{}, []Check{c})); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
		})
	}
}
