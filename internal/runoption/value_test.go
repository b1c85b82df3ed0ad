package runoption_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/runoption"
	"github.com/zeekfleet/zeekfleet/node"
)

// Zeek 8.2.2 with our node script took and refused the same texts.
func TestValuesHaveTheFormsOfTheNodeScript(t *testing.T) {
	for _, tt := range []struct {
		kind, text string
		want       any // nil: refused
	}{
		{"bool", "T", true}, {"bool", "0", false}, {"bool", " 1 ", true}, {"bool", "true", nil}, {"bool", "", nil},
		{"count", "7", uint64(7)}, {"count", "+1", uint64(1)}, {"count", "-1", nil}, {"count", "5x", nil}, {"count", "", nil},
		{"count", "12345678901234567890", nil},
		{"int", "-5", int64(-5)}, {"int", "1.5", nil},
		{"double", "-.5", -0.5}, {"double", "1e3", 1000.0}, {"double", "1.", 1.0}, {"double", ".", nil}, {"double", "inf", nil},
		{"interval", "3.5e2", 350 * time.Second}, {"interval", "5 min", nil},
		{"time", "17.5", time.UnixMicro(17_500_000)}, {"time", "-1", nil},
		{"string", `a\x41\n \\b "q"`, `aA\n \\b "q"`}, {"string", "", ""}, {"string", " x ", " x "},
		{"port", "80/TCP", node.Port{Number: 80, Proto: "tcp"}}, {"port", "80", node.Port{Number: 80}}, {"port", "9/unknown", node.Port{Number: 9}},
		{"port", "65536/tcp", nil}, {"port", "80/sctp", nil},
		{"addr", "1.2.3.4", netip.MustParseAddr("1.2.3.4")}, {"addr", "[::1]", netip.MustParseAddr("::1")}, {"addr", "host", nil},
		{"subnet", "10.0.0.0/8", netip.MustParsePrefix("10.0.0.0/8")}, {"subnet", "[2001:db8::]/32", netip.MustParsePrefix("2001:db8::/32")},
		{"subnet", "10.0.0.0", nil}, {"subnet", "10.0.0.0/33", nil}, {"subnet", "", nil},
		{"pattern", "/foo|bar/", runoption.Pattern("/^?(foo|bar)$?/")}, {"pattern", "/", nil}, {"pattern", "foo", nil}, {"pattern", "/a[/", nil},
		{"set[string]", "", map[any]struct{}{}}, {"set[string]", `a, b,,\x2cc`, map[any]struct{}{"a": {}, "b": {}, ",c": {}}},
		{"set[count]", "1,x", nil},
		{"set[subnet]", "10.0.0.0/8, ::/0", map[any]struct{}{netip.MustParsePrefix("10.0.0.0/8"): {}, netip.MustParsePrefix("::/0"): {}}},
		{"vector of count", "3,1", []any{uint64(3), uint64(1)}}, {"vector of string", "", []any{}},
		{"Notice::Action", "Notice::ACTION_LOG", nil}, {"set[string,count]", "a,1", nil}, {"table[string] of count", "a", nil},
	} {
		got, err := runoption.Parse(tt.kind, tt.text)
		if (err != nil) != (tt.want == nil) {
			t.Errorf("%s %q: got %v, %v", tt.kind, tt.text, got, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err == nil && diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", tt.kind, tt.text, diff)
		}
	}
}

func TestEveryOptionOfZeekHasAValueOfItsType(t *testing.T) {
	for _, o := range runoption.Zeek() {
		if _, err := runoption.Parse(o.Type, o.Value); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
}
