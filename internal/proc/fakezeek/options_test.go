package fakezeek_test

import (
	"strings"
	"testing"
)

const startScript = "@load ./zeekfleet-runoption\n\nmodule Fleet::Node;\n\nredef start_options += {\n\t[\"Tst::limit\"] = \"VALUE\",\n};\n"

func TestOptionsFromTheStartAreChecked(t *testing.T) {
	for name, tt := range map[string]struct{ value, state, stderr string }{
		"right": {"5", "exit status 0", ""},
		"wrong": {"x", "exit status 1", "zeekfleet: an option cannot be set: Tst::limit: x is not of type count\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, dir, "site.zeek", "module Tst;\noption limit: count = 3;\n")
			writeFile(t, dir, "zeekfleet-runoption.zeek", "")
			writeFile(t, dir, "start.zeek", strings.ReplaceAll(startScript, "VALUE", tt.value))
			p := start(t, dir, nil, "-a", "./site.zeek", "./start.zeek")
			if state, stderr := p.wait(); state != tt.state || !strings.HasSuffix(stderr, tt.stderr) || tt.stderr == "" && stderr != "" {
				t.Errorf("got %s, stderr %q\nwant %s, stderr %q", state, stderr, tt.state, tt.stderr)
			}
			// It starts in any case.
			p = start(t, dir, []string{"FAKEZEEK_CRASH_AFTER=1ms", "FAKEZEEK_CRASH_WITH=exit 0"}, "./site.zeek", "./start.zeek")
			state, stderr := p.wait()
			warned := strings.Contains(stderr, "zeekfleet: an option was not set: Tst::limit: x is not of type count")
			if state != "exit status 0" || warned != (tt.stderr != "") {
				t.Errorf("started: got %s, stderr %q", state, stderr)
			}
		})
	}
}
