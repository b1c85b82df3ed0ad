package wire_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

func TestFilterIsMinimal(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"none":                               {nil, nil},
		"sorted":                             {[]string{"b", "a"}, []string{"a", "b"}},
		"once":                               {[]string{"a", "a"}, []string{"a"}},
		"a shorter prefix covers longer":     {[]string{"zeek/event/x", "zeek/", "zeek/event/"}, []string{"zeek/"}},
		"the empty prefix covers all":        {[]string{"a", "", "b"}, []string{""}},
		"neighbours that cover nothing":      {[]string{"a/b", "a0", "a/c"}, []string{"a/b", "a/c", "a0"}},
		"local topics are not announced":     {[]string{"<$>/local/data/statuses", "x"}, []string{"x"}},
		"a local topic does not hide others": {[]string{"<$>/local/", "<$>/z"}, []string{"<$>/z"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := slices.Clone(c.in)
			if diff := cmp.Diff(c.want, wire.NewFilter(c.in...).Prefixes()); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(in, c.in) {
				t.Error("the argument was changed")
			}
		})
	}
}

func TestFilterMatchesAsTheSlowWayDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ab/]{0,4}`)
		prefixes := rapid.SliceOf(word).Draw(t, "prefixes")
		topic := rapid.StringMatching(`[ab/]{0,6}`).Draw(t, "topic")
		want := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(topic, p) })
		if got := wire.NewFilter(prefixes...).Match(topic); got != want {
			t.Errorf("%q matches %q: %v, want %v", prefixes, topic, got, want)
		}
	})
}

func TestMalformedRoutingUpdates(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":                        "",
		"an entry is missing":            "02 0161",
		"an entry is cut off":            "01 0361",
		"bytes are left over":            "00 00",
		"a number of six bytes":          "808080808000",
		"a number beyond 32 bits":        "ffffffff7f",
		"a number in more than it takes": "8000",
		"more entries than allowed":      "818004",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := wire.DecodeRoutingUpdate(unhex(t, payload)); err == nil {
				t.Errorf("got %q", got)
			}
		})
	}
}

func FuzzRoutingUpdate(f *testing.F) {
	f.Add([]byte("\x02\x04app/\x0bzeek/event/"))
	f.Add([]byte("\x00"))
	f.Add([]byte("\x03\x00\x01a\x01a"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		prefixes, err := wire.DecodeRoutingUpdate(payload)
		if err != nil {
			return
		}
		if again := prefixesAsSent(prefixes); !bytes.Equal(again, payload) {
			t.Fatalf("%x became %x", payload, again)
		}
		filter := wire.NewFilter(prefixes...)
		if again := wire.NewFilter(filter.Prefixes()...); !again.Equal(filter) {
			t.Fatalf("%q is not minimal", filter.Prefixes())
		}
	})
}

// prefixesAsSent encodes prefixes without making them minimal, as a handshake
// message does after its tag.
func prefixesAsSent(prefixes []string) []byte {
	return wire.AppendHandshake(nil, wire.OriginatorSyn{Prefixes: prefixes})[5:]
}

// TestAnnouncedPrefixesAreBounded has filters of both bounds, and one beyond each.
func TestAnnouncedPrefixesAreBounded(t *testing.T) {
	many := func(n, bytes int) []string {
		prefixes := make([]string, n)
		for i := range prefixes {
			prefixes[i] = fmt.Sprintf("%06d", i)
		}
		prefixes[0] += strings.Repeat("x", bytes-6*n)
		return prefixes
	}
	for name, tt := range map[string]struct {
		prefixes []string
		want     string
	}{
		"as many as may be":      {many(wire.MaxFilterEntries, 6*wire.MaxFilterEntries), ""},
		"one more":               {many(wire.MaxFilterEntries+1, 6*wire.MaxFilterEntries+6), "1025 prefixes announced, at most 1024 are allowed"},
		"sixty thousand":         {many(65_536, 6*65_536), "at most"},
		"as long as they may be": {many(2, wire.MaxFilterBytes), ""},
		"one byte more":          {many(2, wire.MaxFilterBytes+1), "prefixes of more than 65536 bytes together"},
	} {
		t.Run(name, func(t *testing.T) {
			update, err := wire.DecodeMessage(wire.AppendRoutingUpdate(nil, wire.ID{1}, wire.ID{2}, wire.NewFilter(tt.prefixes...))[4:])
			if err != nil {
				t.Fatal(err)
			}
			got, err := wire.DecodeRoutingUpdate(update.Payload)
			if tt.want == "" && (err != nil || len(got) != len(tt.prefixes)) {
				t.Errorf("got %d prefixes, %v", len(got), err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
