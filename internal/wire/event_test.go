package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestParseEventTellsEventsFromOtherMessages(t *testing.T) {
	str, vec, set := zval.String, zval.Vector, zval.Set
	one := zval.Count(1)
	content := vec(str("e"), vec(str("a")))
	stamp := vec(vec(one, zval.Time(5)))
	tests := map[string]struct {
		v       zval.Value
		want    wire.Event
		wantErr string
	}{
		"without metadata": {
			v: vec(one, one, content), want: wire.Event{Name: "e", Args: []zval.Value{str("a")}},
		},
		"with empty metadata": {
			v: vec(one, one, vec(str("e"), vec(), vec())), want: wire.Event{Name: "e", Meta: new(vec())},
		},
		"with a timestamp": {
			v: vec(one, one, vec(str("e"), vec(), stamp)), want: wire.Event{Name: "e", Meta: &stamp},
		},
		"with more elements than we know": {
			v: vec(one, one, content, str("more")), want: wire.Event{Name: "e", Args: []zval.Value{str("a")}},
		},
		"a log record":         {v: vec(one, zval.Count(3), vec()), wantErr: "not an event"},
		"a batch":              {v: vec(one, zval.Count(5), vec()), wantErr: "not an event"},
		"a message of no kind": {v: vec(one, zval.Count(6), vec()), wantErr: "event: message type is not a count from 1 to 5"},
		"not a vector":         {v: str("e"), wantErr: "event: message is not a vector of format, type and content"},
		"a short vector":       {v: vec(one, one), wantErr: "event: message is not a vector of format, type and content"},
		"another format":       {v: vec(zval.Count(2), one, content), wantErr: "event: message format is not count 1"},
		"no content":           {v: vec(one, one, str("e")), wantErr: "event: content is not a vector of name and arguments"},
		"a name only":          {v: vec(one, one, vec(str("e"))), wantErr: "event: content is not a vector of name and arguments"},
		"an enum as name":      {v: vec(one, one, vec(zval.Enum("e"), vec())), wantErr: "event: name is not a string"},
		"arguments in a set":   {v: vec(one, one, vec(str("e"), set())), wantErr: "event e: arguments are not a vector"},
		"metadata in a set":    {v: vec(one, one, vec(str("e"), vec(), set())), wantErr: "event e: metadata is not a vector of pairs of count and value"},
		"metadata of no pairs": {v: vec(one, one, vec(str("e"), vec(), vec(one))), wantErr: "event e: metadata is not a vector of pairs of count and value"},
		"a timestamp that is none": {
			v:       vec(one, one, vec(str("e"), vec(), vec(vec(one, one)))),
			wantErr: "event e: metadata is not a vector of pairs of count and value",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseEvent(tt.v)
			if tt.wantErr != "" {
				if err == nil || err.Error() != tt.wantErr {
					t.Fatalf("Parse: got error %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(zval.Equal)
			if diff := cmp.Diff(tt.want, got, same, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
			if back, err := wire.ParseEvent(got.Value()); err != nil || !cmp.Equal(back, got, same) {
				t.Errorf("did not survive: %v, %v", back, err)
			}
		})
	}
}
