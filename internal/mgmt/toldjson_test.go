package mgmt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestTextsWithTooManyValuesAreNotDecoded(t *testing.T) {
	for text, values := range map[string]int{
		`1`: 1, `"a,[{"`: 1, `"\",\\"`: 1, `[]`: 2, `[1]`: 2, `[1,2]`: 3, `{"a":"]","b,":[{},{}]}`: 7,
	} {
		var v any
		if err := mgmt.ReadJSON([]byte(text), values, &v); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := mgmt.ReadJSON([]byte(text), values-1, &v); err == nil || !strings.Contains(err.Error(), "values") {
			t.Errorf("%s with at most %d values: %v", text, values-1, err)
		}
	}
}

// count returns how many values a decoded value has.
func count(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			n += count(one)
		}
	case map[string]any:
		for _, one := range v {
			n += count(one)
		}
	}
	return n
}

// No text is decoded that has more values than are allowed.
func FuzzReadJSON(f *testing.F) {
	for _, text := range []string{`{"a":[1,"\"",{}]}`, `"\\"`, `[[],[]]`, `"`, `"\`} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, most int) {
		var v any
		if mgmt.ReadJSON([]byte(text), most, &v) == nil && count(v) > most {
			t.Errorf("%d values of %q", count(v), text)
		}
		if json.Unmarshal([]byte(text), &v) == nil && mgmt.MoreValues([]byte(text), len(text)+2) {
			t.Errorf("%q has fewer values than bytes", text)
		}
	})
}
