package mgmt_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestLastLinesAreWholeLines(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		n    int
		cut  bool
		want string
	}{
		"fewer than asked for":              {"a\nb\n", 3, false, "a\nb"},
		"the last of many":                  {"a\nb\nc\n\n", 2, false, "b\nc"},
		"the first of a cut text is a part": {"a\nb\nc", 3, true, "b\nc"},
		"a part is better than nothing":     {"long", 3, true, "long"},
		"nothing":                           {"", 3, false, ""},
	} {
		if got := mgmt.LastLines(tt.text, tt.n, tt.cut); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
