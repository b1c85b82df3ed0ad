package mgmt_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestManyNamesAreCutToTheFirstFew(t *testing.T) {
	for _, tt := range []struct {
		list         []string
		names, texts string
	}{
		{nil, "", ""},
		{[]string{"a"}, "a", "a"},
		{[]string{"a", "b"}, "a, b", "a; b"},
		{[]string{"a", "b", "c", "d"}, "a, b and 2 more", "a; b; and 2 more"},
	} {
		if got := mgmt.FewNames(tt.list, 2); got != tt.names {
			t.Errorf("FewNames(%q): %q, want %q", tt.list, got, tt.names)
		}
		if got := mgmt.FewTexts(tt.list, 2, "; "); got != tt.texts {
			t.Errorf("FewTexts(%q): %q, want %q", tt.list, got, tt.texts)
		}
	}
}
