package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestMessagesAboutHappenings(t *testing.T) {
	for _, tt := range []struct {
		sent zval.Value
		want mgmt.Message
	}{
		{send("Fleet::Agent::API::happenings_wanted", str("log"), zval.Count(7)), mgmt.HappeningsWanted{Log: "log", After: 7}},
		{send("Fleet::Agent::API::happenings_told", str("log"), zval.Count(9), str("lines\n")), mgmt.HappeningsTold{Log: "log", Last: 9, Lines: "lines\n"}},
	} {
		got, err := codec.Decode(tt.sent)
		if err != nil || cmp.Diff(tt.want, got) != "" {
			t.Errorf("decoded: %+v, %v, want %+v", got, err, tt.want)
		}
		if again, err := codec.Decode(codec.Encode(tt.want)); err != nil || cmp.Diff(tt.want, again) != "" {
			t.Errorf("encoded and decoded: %+v, %v, want %+v", again, err, tt.want)
		}
	}
}
